//! The future that brackets each poll of another: a call that may move between threads.

use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use crate::call::{self, Open, Ticket};
use crate::flight::Record;
use crate::meter::{Frame, Progress};
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

// A call that a panic has left is over, and what it refers to are counters: a future is as
// unwind-safe with it as without.
impl UnwindSafe for Suspended {}
impl RefUnwindSafe for Suspended {}

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
        let frame = pin!(Frame::new(Open::new()));
        let frame = frame.into_ref();
        let progress = match self.state {
            State::Unpolled(_) => Progress::START,
            State::Running(record) => record.saved(),
            State::Over => {
                // Polled after its end: the future says what it thinks of that.
                part();
                return;
            }
        };
        if !frame.enter(&progress) {
            // memprobe itself is at work: this part is in no figure.
            part();
            return;
        }
        let record = match self.state {
            State::Running(record) => {
                frame.set_record(record);
                frame.open_call.resume(record.stage(), self.ticket.take());
                record
            }
            State::Unpolled(site) => call::begin(frame.get_ref(), site),
            State::Over => return,
        };
        self.state = State::Running(record);
        let mut running = Running { call: self, frame, record, outcome: Some(Outcome::Panicked) };
        running.outcome = part();
    }
}

/// A poll in progress; dropped by its end or by a panic.
struct Running<'a> {
    call: &'a mut Suspended,
    frame: Pin<&'a Frame>,
    record: &'static Record,
    outcome: Option<Outcome>,
}

impl Drop for Running<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.outcome.is_some() {
            call::close(&self.frame);
        }
        let Some(progress) = self.frame.leave() else { return };
        match self.outcome {
            None => {
                self.record.save(&progress);
                self.call.ticket = self.frame.open_call.take_ticket();
            }
            Some(outcome) => {
                self.call.state = State::Over;
                call::finish(self.frame.get_ref(), &progress, outcome);
            }
        }
    }
}
