//! The future that reads the counters around each poll of another: a call that may move between
//! threads.

use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::runtime::calls::record::Record;
use crate::runtime::calls::stack;
use crate::runtime::instrument::call;
use crate::runtime::stats::call_tree::Annotated;
use crate::runtime::stats::site::Outcome;

pin_project_lite::pin_project! {
    /// A future whose polls are read. Its call begins at the first poll.
    #[must_use = "futures do nothing unless polled"]
    pub struct Instrumented<F> {
        // `None` once the call has been dropped inside a frame. That takes no space: there is room
        // in the state.
        #[pin]
        call: Option<Call<F>>,
    }

    impl<F> PinnedDrop for Instrumented<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut call = this.project().call;
            let Some(open) = call.as_mut().as_pin_mut() else { return };
            let mut suspended = std::mem::replace(open.project().suspended, Suspended::Over);
            if matches!(suspended, Suspended::Running(_)) {
                suspended.resume(|| {
                    call.set(None);
                    Some(Outcome::Cancelled)
                });
            }
        }
    }
}

pin_project_lite::pin_project! {
    struct Call<F> {
        suspended: Suspended,
        #[pin]
        future: F,
    }
}

/// Wraps `future`. The call begins at the first poll: a future that is never polled is no call.
pub fn instrument_future<F: Future>(function: &'static Annotated, future: F) -> Instrumented<F> {
    Instrumented { call: Some(Call { suspended: Suspended::Unpolled(function), future }) }
}

impl<F: Future> Future for Instrumented<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Some(call) = self.project().call.as_pin_mut() else {
            // Only `drop` empties it, and no poll comes after that.
            return Poll::Pending;
        };
        let call = call.project();
        call.suspended.poll(|| call.future.poll(context))
    }
}

/// The state of a call between two polls; its figures are in its record.
enum Suspended {
    Unpolled(&'static Annotated),
    Running(&'static Record),
    Over,
}

// A call that has panicked is over, and it refers only to counters: a future is as unwind-safe with
// it as without.
impl UnwindSafe for Suspended {}
impl RefUnwindSafe for Suspended {}

impl Suspended {
    #[inline]
    fn poll<T>(&mut self, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        let mut result = Poll::Pending;
        self.resume(|| {
            result = poll();
            result.is_ready().then_some(Outcome::Returned)
        });
        result
    }

    /// Runs a part of the call on this thread. `part` returns the outcome if the call has ended.
    #[inline]
    fn resume(&mut self, part: impl FnOnce() -> Option<Outcome>) {
        let frame = self.enter();
        let mut running = Running { call: self, frame, outcome: Some(Outcome::Panicked) };
        running.outcome = part();
    }

    /// Opens the frame of a poll. Returns `None` while memprobe itself is at work, and for a call
    /// that is over: how its future reacts to a poll is up to that future.
    #[inline(never)]
    fn enter(&mut self) -> Option<&'static Record> {
        match *self {
            Suspended::Unpolled(function) => {
                let record = call::begin(function)?;
                *self = Suspended::Running(record);
                Some(record)
            }
            Suspended::Running(record) => stack::resume(record).then_some(record),
            Suspended::Over => None,
        }
    }

    /// Closes the frame of a poll, and ends the call if there is an outcome.
    #[inline(never)]
    fn leave(&mut self, frame: Option<&'static Record>, outcome: Option<Outcome>) {
        match (frame, outcome) {
            (Some(record), Some(outcome)) => {
                *self = Suspended::Over;
                call::end(record, outcome);
            }
            (Some(record), None) => {
                if !call::suspend(record) {
                    *self = Suspended::Over;
                }
            }
            (None, Some(_)) => self.abandon(),
            (None, None) => {}
        }
    }

    /// Ends a call whose end came while memprobe itself was at work: it is in no total. What
    /// earlier polls did stays with the calls around it.
    #[cold]
    fn abandon(&mut self) {
        if let Suspended::Running(record) = std::mem::replace(self, Suspended::Over) {
            call::abandon(record);
        }
    }
}

/// A poll in progress. It is dropped when the poll ends or panics.
struct Running<'a> {
    call: &'a mut Suspended,
    frame: Option<&'static Record>,
    outcome: Option<Outcome>,
}

impl Drop for Running<'_> {
    #[inline]
    fn drop(&mut self) {
        self.call.leave(self.frame, self.outcome);
    }
}
