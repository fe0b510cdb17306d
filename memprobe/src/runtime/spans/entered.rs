//! The spans that a thread has entered and not left, which may be left in any order.

use std::cell::RefCell;
use std::sync::Arc;

use crate::runtime::instrument::shared_call::{Part, SharedCall};
use crate::runtime::readings::thread::IgnoreAllocs;

thread_local! {
    static ENTERED: RefCell<Vec<Entered>> = const { RefCell::new(Vec::new()) };
}

/// A span that a layer was told of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct EnteredSpan {
    /// The address of the layer: ids are unique within its registry only.
    pub layer: usize,
    pub id: u64,
}

struct Entered {
    span: EnteredSpan,
    call: Arc<SharedCall>,
    part: Part,
}

/// Enters the call of a span, unless the thread's own data are gone.
pub(super) fn enter(span: EnteredSpan, call: Arc<SharedCall>) {
    let may = ENTERED.try_with(|entered| {
        let mut entered = entered.borrow_mut();
        if entered.len() == entered.capacity() {
            let _ignored = IgnoreAllocs::begin();
            entered.reserve(8);
        }
    });
    if may.is_ok() {
        if let Some(part) = call.enter() {
            let entry = Entered { span, call, part };
            let _ = ENTERED.try_with(|entered| entered.borrow_mut().push(entry));
        }
    }
}

/// Leaves the part of the span's call that this thread entered last, if there is one.
pub(super) fn leave(span: EnteredSpan) {
    let left = ENTERED.try_with(|entered| {
        let mut entered = entered.borrow_mut();
        let at = entered.iter().rposition(|entered| entered.span == span)?;
        Some(entered.remove(at))
    });
    if let Ok(Some(Entered { call, part, .. })) = left {
        call.leave(part);
        let _ignored = IgnoreAllocs::begin();
        drop(call);
    }
}
