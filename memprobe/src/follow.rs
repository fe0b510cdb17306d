//! The future that brackets each poll of another: a call that may move between threads.

use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use crate::call::{Open, Ticket};
use crate::meter::{Frame, Progress};
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

// A call that a panic has left is over, and what it refers to are counters: a future is as
// unwind-safe with it as without.
impl UnwindSafe for Suspended {}
impl RefUnwindSafe for Suspended {}

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
        let Some(stage) = self.stage else {
            // Polled after its end: the future says what it thinks of that.
            part();
            return;
        };
        let frame = pin!(Frame::new(Open::new(stage, self.ticket.take())));
        let frame = frame.into_ref();
        let first = self.progress.call_peak < 0;
        if first {
            self.progress = Progress::START;
        }
        if !frame.enter(&self.progress) {
            if first {
                self.progress = UNPOLLED;
            }
            self.ticket = frame.open_call.take_ticket();
            if part().is_some() {
                self.stage = None;
            }
            return;
        }
        if first {
            frame.open_call.start();
        }
        let mut running = Running { call: self, frame, outcome: Some(Outcome::Panicked) };
        running.outcome = part();
    }
}

/// A poll in progress; dropped by its end or by a panic.
struct Running<'a> {
    call: &'a mut Suspended,
    frame: Pin<&'a Frame>,
    outcome: Option<Outcome>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let Some(progress) = self.frame.leave() else { return };
        let open = &self.frame.open_call;
        match self.outcome {
            None => {
                self.call.stage = Some(open.stage());
                self.call.ticket = open.take_ticket();
                self.call.progress = progress;
            }
            Some(outcome) => {
                self.call.stage = None;
                open.finish(&progress, outcome);
            }
        }
    }
}
