//! The future that brackets each poll of another: a call that may move between threads.

use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use crate::call::{self, Open, Ticket};
use crate::flight::{self, Record};
use crate::meter::{Place, Progress, Quiet};
use crate::site::{Outcome, Site};

pin_project_lite::pin_project! {
    /// A future whose polls are read; its call starts at the first poll.
    #[must_use = "futures do nothing unless polled"]
    pub struct Follow<F> {
        // Empty once it has been dropped inside a reading. That costs no space: there is room
        // in the state.
        #[pin]
        call: Option<Call<F>>,
    }

    impl<F> PinnedDrop for Follow<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut call = this.project().call;
            let Some(open) = call.as_mut().as_pin_mut() else { return };
            let mut suspended = open.project().suspended.take();
            if suspended.is_running() {
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

/// Starts no call yet: a future that is never polled is no call.
pub fn follow<F: Future>(site: &'static Site, future: F) -> Follow<F> {
    let suspended = Suspended { state: State::Unpolled(site), ticket: None };
    Follow { call: Some(Call { suspended, future }) }
}

impl<F: Future> Future for Follow<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Some(call) = self.project().call.as_pin_mut() else {
            // Emptied only by `drop`, after which nobody can poll.
            return Poll::Pending;
        };
        let call = call.project();
        call.suspended.poll(|| call.future.poll(context))
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

    fn take(&mut self) -> Suspended {
        let state = std::mem::replace(&mut self.state, State::Over);
        Suspended { state, ticket: self.ticket.take() }
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
                    flight::begins_here();
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
        let Some(frame) = place.get_ref().frame() else {
            if outcome.is_some() {
                self.abandon();
            }
            return;
        };
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
                flight::ends_here();
            }
        }
    }
}

impl Suspended {
    /// The end of a call came while memprobe itself was at work: it is in no figure.
    #[cold]
    fn abandon(&mut self) {
        let _quiet = Quiet::begin();
        let Suspended { state, ticket } = self.take();
        drop(ticket);
        if let State::Running(record) = state {
            call::abandon(record);
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
