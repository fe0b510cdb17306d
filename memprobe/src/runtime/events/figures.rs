//! The figures that events are made from.

use std::time::Duration;

use crate::runtime::readings::limit::{self, Standing};
use crate::runtime::readings::{clock, heap_stats, proc, resident};
use crate::values::process::Heap;

/// The ids of an admitted call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ids {
    pub call: u64,
    pub parent: Option<u64>,
}

/// The call that an event belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventCall {
    pub function: &'static str,
    pub ids: Ids,
}

/// The figures of one segment, in bytes, as an event has them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentFigures {
    pub allocated: u64,
    pub freed: u64,
    pub peak: u64,
    pub held: i64,
}

impl SegmentFigures {
    pub fn net(&self) -> i64 {
        self.allocated.wrapping_sub(self.freed) as i64
    }
}

/// The figures of a whole call, in bytes, as its exit event has them.
pub(crate) struct CallSummary {
    pub outcome: &'static str,
    /// `None` if it was too short for the clock that was read at its begin.
    pub duration: Option<Duration>,
    pub peak: u64,
    pub peak_from: &'static str,
    pub peak_label: &'static str,
    pub allocated: u64,
    pub freed: u64,
    pub cold: bool,
}

/// Why a call was written whatever the rate of its function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Its peak is by a quarter higher than any that was written before.
    Highest,
    /// Its peak is above the user's bound.
    Above,
}

impl Why {
    pub fn name(self) -> &'static str {
        match self {
            Why::Highest => "highest",
            Why::Above => "above",
        }
    }
}

/// The exit of a call, with the segment that it ends.
pub(crate) struct ExitEvent {
    pub who: EventCall,
    pub from: &'static str,
    pub label: &'static str,
    /// `None` if jemalloc does not count.
    pub reading: Option<SegmentFigures>,
    pub whole: CallSummary,
    pub why: Option<Why>,
    /// The calls that were not written since the last, for a call without an entry.
    pub skipped: u64,
}

/// The figures of the process that every event carries.
pub(crate) struct ProcessSnapshot {
    pub uptime_us: u64,
    pub rss: Option<u64>,
    pub standing: Standing,
    heap: Option<Heap>,
}

impl ProcessSnapshot {
    pub fn look() -> ProcessSnapshot {
        let now = clock::fine();
        ProcessSnapshot {
            uptime_us: proc::uptime_us(now),
            rss: resident::rss(),
            standing: limit::standing(now),
            heap: heap_stats::within_budget(now),
        }
    }

    pub fn heap(&self) -> [Option<u64>; 4] {
        let figure = |of: fn(&Heap) -> u64| self.heap.as_ref().map(of);
        [
            figure(|h| h.allocated),
            figure(|h| h.active),
            figure(|h| h.resident),
            figure(|h| h.metadata),
        ]
    }
}

/// The figures of a probe, read before its event is written.
pub(crate) struct ProbeEvent {
    pub function: &'static str,
    pub label: &'static str,
    pub ids: Option<Ids>,
    /// `None` outside any call, and if jemalloc does not count.
    pub reading: Option<SegmentFigures>,
    pub from: Option<&'static str>,
    pub last_rss: Option<u64>,
    pub skipped: u64,
}
