//! What owns a sampled block.

use std::ptr;

use crate::runtime::stats::call_tree::Position;
use crate::runtime::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// What allocated a block.
#[derive(Clone, Copy)]
pub(crate) enum Owner {
    /// A call at this position.
    Call(&'static Position),
    /// Code outside any call.
    NotAnnotated,
    /// memprobe itself, or the subscriber.
    Memprobe,
}

impl Owner {
    /// Returns the owner as a number and a position, for [`of`](Owner::of).
    pub fn code(self) -> (u32, Option<&'static Position>) {
        match self {
            Owner::NotAnnotated => (0, None),
            Owner::Memprobe => (1, None),
            Owner::Call(position) => (2, Some(position)),
        }
    }

    /// Returns the owner of a code; its upper bits are ignored.
    pub fn of(code: u32, position: Option<&'static Position>) -> Option<Owner> {
        match code & 0xff {
            0 => Some(Owner::NotAnnotated),
            1 => Some(Owner::Memprobe),
            _ => position.map(Owner::Call),
        }
    }

    /// Returns what distinguishes the owner from others: the node and the label. A recursive call
    /// counts for the outermost one, and probes with one label are one place.
    pub fn key(self) -> (u32, usize, &'static str) {
        match self.code() {
            (code, Some(position)) => {
                (code, ptr::from_ref(position.node.outermost()).addr(), position.after)
            }
            (code, None) => (code, 0, ""),
        }
    }
}

/// A call, of which it can be told whether it still runs.
#[derive(Clone, Copy)]
pub(crate) struct CallRef {
    /// The serial of the call's record, which changes when the call ends, and what it was.
    pub serial: &'static AtomicU32,
    pub was: u32,
}

impl CallRef {
    pub fn is_running(self) -> bool {
        self.serial.load(Relaxed) == self.was
    }
}
