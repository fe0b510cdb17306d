//! The call of a request.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use crate::runtime::instrument::shared_call::{Part, SharedCall};
use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::stats::call_tree::Annotated;
use crate::runtime::stats::site::Outcome;
use crate::runtime::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// The call of a request. It ends when the last that holds it is dropped: the handler, the body, or
/// a part of the body that is still to be sent. `None` once the call was handed on.
#[derive(Clone, Default)]
pub(super) struct RequestCall(Option<Arc<Inner>>);

struct Inner {
    call: SharedCall,
    /// The handler has returned, and the body was sent to its end.
    is_done: AtomicBool,
}

// It refers only to counters.
impl UnwindSafe for RequestCall {}
impl RefUnwindSafe for RequestCall {}

impl RequestCall {
    pub fn new(function: &'static Annotated) -> RequestCall {
        let _ignored = IgnoreAllocs::begin();
        let inner = Inner { call: SharedCall::new(function), is_done: AtomicBool::new(false) };
        RequestCall(Some(Arc::new(inner)))
    }

    /// Runs a part of the call on this thread.
    pub fn run<T>(&self, part: impl FnOnce() -> T) -> T {
        let Some(inner) = &self.0 else { return part() };
        let _entered = Entered { call: &inner.call, part: inner.call.enter() };
        part()
    }

    /// Records that the request was served to its end.
    pub fn set_done(&self) {
        if let Some(inner) = &self.0 {
            inner.is_done.store(true, Relaxed);
        }
    }
}

impl Drop for RequestCall {
    fn drop(&mut self) {
        let Some(inner) = self.0.take() else { return };
        let last = {
            let _ignored = IgnoreAllocs::begin();
            Arc::into_inner(inner)
        };
        if let Some(inner) = last {
            let is_done = inner.is_done.load(Relaxed);
            inner.call.end(if is_done { Outcome::Returned } else { Outcome::Cancelled });
            let _ignored = IgnoreAllocs::begin();
            #[allow(clippy::drop_non_drop, reason = "on macOS a mutex has memory of its own")]
            drop(inner);
        }
    }
}

/// A part of a call in progress. It is dropped when the part ends or panics.
struct Entered<'a> {
    call: &'a SharedCall,
    part: Option<Part>,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if let Some(part) = self.part.take() {
            self.call.leave(part);
        }
    }
}
