//! The future that brackets each poll of another: a call that may move between threads.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use crate::call::{self, Open, Ticket};
use crate::flight::Record;
use crate::meter::{Place, Progress};
use crate::site::{Outcome, Site};

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
    let call = Suspended { state: State::Unpolled(site), ticket: None };
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

/// A call between two polls. Three words: the rest is in its record.
struct Suspended {
    state: State,
    ticket: Option<Box<Ticket>>,
}

#[derive(Clone, Copy)]
enum State {
    Unpolled(&'static Site),
    Running(&'static Record),
    Over,
}

impl Suspended {
    fn is_running(&self) -> bool {
        matches!(self.state, State::Running(_))
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
        match self.state {
            State::Unpolled(site) => {
                if let Some(frame) = place.enter(Open::new(), &Progress::START) {
                    self.state = State::Running(call::begin(frame, site));
                }
            }
            State::Running(record) => {
                if let Some(frame) = place.enter(Open::new(), &record.saved()) {
                    frame.set_record(record);
                    frame.open_call.resume(record.stage(), self.ticket.take());
                }
            }
            State::Over => {}
        }
    }

    /// Closes it.
    #[inline(never)]
    fn end(&mut self, place: Pin<&Place>, outcome: Option<Outcome>) {
        let Some(frame) = place.get_ref().frame() else { return };
        if outcome.is_some() {
            call::close(frame);
        }
        let Some(left) = place.get_ref().leave() else { return };
        match (outcome, self.state) {
            (None, State::Running(record)) => {
                record.save(&left.progress());
                self.ticket = frame.open_call.take_ticket();
            }
            (None, _) => {}
            (Some(outcome), _) => {
                self.state = State::Over;
                left.finish(outcome);
            }
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
