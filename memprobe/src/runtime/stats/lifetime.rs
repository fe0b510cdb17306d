//! What functions and segments did since the process began: totals that no reset takes back.
//!
//! A metric that counts must never fall. So what [`reset`] is about to clear is kept here, and added
//! to what has been counted since. A call that ends between the two is in neither.

use std::collections::HashMap;

use crate::report::{Distribution, Figures, Function, Outcomes};
use crate::runtime::readings::fork;
use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::sync::Mutex;

/// A function by its name; a segment of it by the labels at its ends as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub function: &'static str,
    pub segment: Option<(&'static str, &'static str)>,
}

/// What all calls of a function did, or all passes of a segment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lifetime {
    /// How calls ended; for segments there are none.
    pub outcomes: Outcomes,
    pub allocated: u64,
    pub freed: u64,
    /// The highest peak of one call or pass, in bytes.
    pub peak: u64,
    /// The peaks of single calls or passes, and the bytes that each allocated.
    pub peaks: Distribution,
    pub allocations: Distribution,
}

pub(crate) type Lifetimes = HashMap<Key, Lifetime>;

static BEFORE_RESET: Mutex<Option<Lifetimes>> = Mutex::new(None);

/// Returns the totals since the process began; `functions` returns those since the last reset.
/// `None` in a forked child in which they stay locked.
pub(crate) fn all(functions: fn() -> Vec<Function>) -> Option<Lifetimes> {
    let before = fork::lock(&BEFORE_RESET)?;
    let mut all = before.clone().unwrap_or_default();
    add_all(&mut all, &functions());
    Some(all)
}

/// Keeps what `functions` returns, and then clears it by `start_anew`.
pub(crate) fn reset(functions: fn() -> Vec<Function>, start_anew: fn()) {
    let _ignored = IgnoreAllocs::begin();
    // The lock is held until the end, so that nobody adds to what is cleared.
    let mut before = fork::lock(&BEFORE_RESET);
    if let Some(before) = &mut before {
        add_all(before.get_or_insert_default(), &functions());
    }
    start_anew();
}

fn add_all(lifetimes: &mut Lifetimes, functions: &[Function]) {
    for function in functions {
        let key = Key { function: function.name, segment: None };
        let calls = lifetimes.entry(key).or_default();
        calls.outcomes.add(function.outcomes);
        calls.add(function.figures, &function.peaks, &function.allocations);
        for segment in &function.segments {
            let key = Key { segment: Some((segment.from, segment.label)), ..key };
            let passes = lifetimes.entry(key).or_default();
            passes.add(segment.figures, &segment.peaks, &segment.allocations);
        }
    }
}

impl Lifetime {
    fn add(&mut self, figures: Option<Figures>, peaks: &Distribution, allocations: &Distribution) {
        if let Some(figures) = figures {
            self.allocated = self.allocated.wrapping_add(figures.allocated);
            self.freed = self.freed.wrapping_add(figures.freed);
            self.peak = self.peak.max(figures.peak);
        }
        self.peaks.merge(peaks);
        self.allocations.merge(allocations);
    }

    /// Adds what another function or segment did.
    pub fn merge(&mut self, other: &Lifetime) {
        self.outcomes.add(other.outcomes);
        self.allocated = self.allocated.wrapping_add(other.allocated);
        self.freed = self.freed.wrapping_add(other.freed);
        self.peak = self.peak.max(other.peak);
        self.peaks.merge(&other.peaks);
        self.allocations.merge(&other.allocations);
    }

    /// Returns `allocated − freed`, in bytes.
    pub fn net(&self) -> i64 {
        self.allocated.wrapping_sub(self.freed) as i64
    }
}

impl Outcomes {
    fn add(&mut self, more: Outcomes) {
        self.returned += more.returned;
        self.panicked += more.panicked;
        self.cancelled += more.cancelled;
        self.closed += more.closed;
    }
}
