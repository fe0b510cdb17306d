//! The future that brackets each poll of another: a call that may move between threads.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use crate::call::{Open, Ticket};
use crate::meter::{Place, Progress};
use crate::site::{Outcome, Site, Stage};

pin_project_lite::pin_project! {
    /// A future whose polls are read; its call starts at the first poll.
    #[must_use = "futures do nothing unless polled"]
    pub struct Follow<F> {
        call: Suspended,
        // Empty once it has been dropped inside a reading.
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for Follow<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.call.is_running() {
                this.call.resume(|| {
                    this.future.set(None);
                    Some(Outcome::Cancelled)
                });
            }
        }
    }
}

/// Starts no call yet: a future that is never polled is no call.
pub fn follow<F: Future>(site: &'static Site, future: F) -> Follow<F> {
    let call = Suspended { stage: Some(site.start()), ticket: None, progress: UNPOLLED };
    Follow { call, future: Some(future) }
}

impl<F: Future> Future for Follow<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let Some(mut future) = this.future.as_mut().as_pin_mut() else {
            // Emptied only by `drop`, after which nobody can poll.
            return Poll::Pending;
        };
        this.call.poll(|| future.as_mut().poll(context))
    }
}

/// A call between two polls. Ten words: a future with it is no larger than one under
/// `tracing::instrument`.
struct Suspended {
    /// `None` once the call is over.
    stage: Option<&'static Stage>,
    ticket: Option<Box<Ticket>>,
    progress: Progress,
}

/// A peak is never below 0, so this tells that there was no poll yet without a word more.
const UNPOLLED: Progress = Progress { call_peak: -1, ..Progress::START };

impl Suspended {
    fn is_running(&self) -> bool {
        self.stage.is_some() && self.progress.call_peak >= 0
    }

    #[inline]
    fn poll<T>(&mut self, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        let mut result = Poll::Pending;
        self.resume(|| {
            result = poll();
            result.is_ready().then_some(Outcome::Returned)
        });
        result
    }

    /// Runs a part of the call on this thread; `part` says whether that was its end.
    #[inline]
    fn resume(&mut self, part: impl FnOnce() -> Option<Outcome>) {
        let place = pin!(Place::new());
        let mut running =
            Running { call: self, place: place.into_ref(), outcome: Some(Outcome::Panicked) };
        running.call.begin(running.place);
        running.outcome = part();
    }

    /// Opens the frame of a poll. There is none for a call that is over, where the future
    /// says what it thinks of being polled, and none while memprobe itself is at work.
    #[inline(never)]
    fn begin(&mut self, place: Pin<&Place>) {
        let Some(stage) = self.stage else { return };
        let first = self.progress.call_peak < 0;
        let progress = if first { &Progress::START } else { &self.progress };
        let Some(frame) = place.enter(Open::new(stage), progress) else { return };
        frame.open_call.set_ticket(self.ticket.take());
        if first {
            frame.open_call.start();
        }
    }

    /// Closes it.
    #[inline(never)]
    fn end(&mut self, place: Pin<&Place>, outcome: Option<Outcome>) {
        if outcome.is_some() {
            self.stage = None;
        }
        let Some(left) = place.get_ref().leave() else { return };
        let open = &left.frame.open_call;
        match outcome {
            None => {
                self.stage = Some(open.stage());
                self.ticket = open.take_ticket();
                self.progress = left.progress();
            }
            Some(outcome) => left.finish(outcome),
        }
    }
}

/// A poll in progress; dropped by its end or by a panic.
struct Running<'a> {
    call: &'a mut Suspended,
    place: Pin<&'a Place>,
    outcome: Option<Outcome>,
}

impl Drop for Running<'_> {
    #[inline]
    fn drop(&mut self) {
        self.call.end(self.place, self.outcome);
    }
}
