//! A call that is entered and left in parts, by whoever has work to do for it: the call of a span,
//! or of a request whose body is sent after its handler has returned.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::panicking;

use crate::runtime::calls::record::Record;
use crate::runtime::calls::stack;
use crate::runtime::instrument::call;
use crate::runtime::instrument::carry::CarriedWork;
use crate::runtime::readings::thread;
use crate::runtime::stats::call_tree::Annotated;
use crate::runtime::stats::site::Outcome;

/// The call begins when it is first entered. It may be entered on several threads at once, and
/// several times on one of them.
pub(crate) struct SharedCall {
    function: &'static Annotated,
    progress: Mutex<Progress>,
}

struct Progress {
    state: State,
    /// A part of the call has panicked.
    panicked: bool,
}

enum State {
    NotEntered,
    Suspended(&'static Record),
    /// The frame of the call is open on some thread.
    Open(&'static Record),
    Over,
}

impl State {
    fn is_open(&self, record: &Record) -> bool {
        matches!(self, State::Open(open) if std::ptr::eq(*open, record))
    }
}

/// A part of a call, from [`SharedCall::enter`] to [`SharedCall::leave`] on the same thread.
pub(crate) enum Part {
    /// The part is a frame of the call.
    Frame { record: &'static Record, began_unwinding: bool },
    /// The call is open on this thread already, and that part includes this one.
    Nested,
    /// The call is open on another thread, and this part is work that was carried there.
    Elsewhere { work: CarriedWork, record: &'static Record },
}

impl SharedCall {
    /// Called while memprobe itself is at work.
    pub fn new(function: &'static Annotated) -> SharedCall {
        let progress = Progress { state: State::NotEntered, panicked: false };
        let call = SharedCall { function, progress: Mutex::new(progress) };
        // On macOS a mutex allocates when it is first locked. Here that is in no figure.
        drop(call.progress());
        call
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a part of the call on this thread. Returns `None` after the end of the call, and
    /// while memprobe itself is at work.
    pub fn enter(&self) -> Option<Part> {
        // Asked before the lock is taken: an event is written with the lock held.
        if thread::is_ignoring() {
            return None;
        }
        let mut progress = self.progress();
        let record = match progress.state {
            State::NotEntered => call::begin(self.function)?,
            State::Suspended(record) => stack::resume(record).then_some(record)?,
            State::Open(record) => return again(record),
            State::Over => return None,
        };
        progress.state = State::Open(record);
        Some(Part::Frame { record, began_unwinding: panicking() })
    }

    /// Ends a part of the call.
    pub fn leave(&self, part: Part) {
        match part {
            Part::Frame { record, began_unwinding } => {
                let mut progress = self.progress();
                // The call may have been ended in this part, and its record may be another's.
                if !progress.state.is_open(record) {
                    return;
                }
                progress.panicked |= panicking() && !began_unwinding;
                call::count_carried(record);
                let goes_on = call::suspend(record);
                progress.state = if goes_on { State::Suspended(record) } else { State::Over };
            }
            Part::Nested => {}
            Part::Elsewhere { mut work, record } => work.leave(record, true, true),
        }
    }

    /// Ends the call, with this outcome unless a part of it has panicked.
    pub fn end(&self, outcome: Outcome) {
        let mut progress = self.progress();
        let outcome = if progress.panicked { Outcome::Panicked } else { outcome };
        let state = std::mem::replace(&mut progress.state, State::Over);
        drop(progress);
        match state {
            State::Suspended(record) if stack::resume(record) => call::end(record, outcome),
            State::Suspended(record) => call::abandon(record),
            // Its frame is still open, on a thread that will not leave it.
            State::Open(record) => call::end(record, outcome),
            State::NotEntered | State::Over => {}
        }
    }
}

/// Enters a call whose frame is open.
fn again(call: &'static Record) -> Option<Part> {
    let is_of_call = |record: &'static Record| {
        let is = |record: &'static Record| std::ptr::eq(record, call);
        is(record) || record.is_carried() && record.parent().is_some_and(is)
    };
    if stack::chain().any(is_of_call) {
        return Some(Part::Nested);
    }
    let mut work = CarriedWork::of(call)?;
    let record = work.enter(true)?;
    Some(Part::Elsewhere { work, record })
}
