//! Observed segments and calls, and their sums.

use crate::report::{Figures, Outcomes, Steady};

/// One pass of a call through a segment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Segment {
    /// Its figures, if there are any.
    pub figures: Option<SegmentFigures>,
}

/// The figures of a segment, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct SegmentFigures {
    /// Bytes allocated, with nested calls.
    pub allocated: u64,
    /// Bytes freed, with nested calls.
    pub freed: u64,
    /// Bytes that nested calls allocated in it.
    pub nested_allocated: u64,
    /// Bytes that nested calls freed in it.
    pub nested_freed: u64,
    /// Highest net above its start.
    pub peak: u64,
    /// Highest net above the start of the call.
    pub level: u64,
}

/// A call that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// How it ended.
    pub outcome: Outcome,
    /// Whether it passed a probe.
    pub has_probes: bool,
    /// Its figures, if there are any.
    pub figures: Option<CallFigures>,
}

impl SegmentFigures {
    /// Returns what the call itself allocated and freed. Nested calls that ended in this segment may
    /// have done more in earlier ones, so they are taken off as far as it goes.
    pub fn own(&self) -> (u64, u64) {
        (
            self.allocated.saturating_sub(self.nested_allocated),
            self.freed.saturating_sub(self.nested_freed),
        )
    }
}

/// The figures of a whole call, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallFigures {
    /// Bytes allocated.
    pub allocated: u64,
    /// Bytes freed.
    pub freed: u64,
    /// Bytes allocated without nested calls, less what its segments have of their own: what nested
    /// calls did in other segments than the one in which they ended.
    pub own_allocated_beside: i64,
    /// The same of bytes freed.
    pub own_freed_beside: i64,
    /// Highest net above its start.
    pub peak: u64,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It returned.
    Returned,
    /// It panicked.
    Panicked,
    /// Its future was dropped before it was done.
    Cancelled,
    /// It was a span, which was closed.
    Closed,
}

impl Outcome {
    pub(super) fn count(self, outcomes: &mut Outcomes, calls: u64) {
        *match self {
            Outcome::Returned => &mut outcomes.returned,
            Outcome::Panicked => &mut outcomes.panicked,
            Outcome::Cancelled => &mut outcomes.cancelled,
            Outcome::Closed => &mut outcomes.closed,
        } += calls;
    }
}

impl SegmentFigures {
    pub(super) fn is_idle(&self) -> bool {
        self.allocated == 0 && self.freed == 0
    }
}

impl CallFigures {
    pub(super) fn is_idle(&self) -> bool {
        self.allocated == 0 && self.freed == 0
    }
}

/// The sums of the passes through one segment.
#[derive(Clone, Debug, Default)]
pub(super) struct SegmentSums {
    pub count: u64,
    figures: Option<Figures>,
}

impl SegmentSums {
    pub fn add(&mut self, segment: &Segment) {
        self.count += 1;
        let Some(one) = &segment.figures else { return };
        let sums = self.figures.get_or_insert_with(Figures::default);
        sums.allocated = sums.allocated.wrapping_add(one.allocated);
        sums.freed = sums.freed.wrapping_add(one.freed);
        let (allocated, freed) = one.own();
        sums.self_allocated = sums.self_allocated.wrapping_add(allocated);
        sums.self_freed = sums.self_freed.wrapping_add(freed);
        if !one.is_idle() {
            sums.peak = sums.peak.max(one.peak);
        }
        sums.high_water = sums.high_water.max(one.level);
    }

    pub fn merge(&mut self, other: &SegmentSums) {
        self.count += other.count;
        let theirs = other.figures;
        add(&mut self.figures, theirs, true);
        add_own(&mut self.figures, theirs);
        raise(&mut self.figures, theirs);
    }

    /// Adds the sums to a row. The bytes of recursive calls are in those of the outermost.
    pub fn add_to(&self, row: &mut Option<Figures>, is_recursive: bool) {
        add(row, self.figures, !is_recursive);
        add_own(row, self.figures);
        raise(row, self.figures);
    }

    /// Adds what was done without nested calls to the figures of whole calls.
    pub fn add_own_to(&self, calls: &mut Option<Figures>) {
        add_own(calls, self.figures);
    }
}

/// The sums of calls in one context that ended alike.
#[derive(Clone, Debug, Default)]
pub(super) struct CallSums {
    pub count: u64,
    figures: Option<Figures>,
    /// Number and net of the calls at the last two powers of two, which separate the later calls
    /// from the earlier ones.
    before: (u64, i64),
    last: (u64, i64),
    /// Latter calls of other processes.
    merged: Steady,
}

impl CallSums {
    pub fn add(&mut self, call: &Call) {
        self.count += 1;
        if let Some(one) = call.figures {
            let sums = self.figures.get_or_insert_with(Figures::default);
            sums.allocated = sums.allocated.wrapping_add(one.allocated);
            sums.freed = sums.freed.wrapping_add(one.freed);
            sums.self_allocated = sums.self_allocated.wrapping_add_signed(one.own_allocated_beside);
            sums.self_freed = sums.self_freed.wrapping_add_signed(one.own_freed_beside);
            sums.peak = sums.peak.max(one.peak);
            sums.high_water = sums.peak;
        }
        if self.count.is_power_of_two() && self.count > 1 {
            self.before = self.last;
            self.last = (self.count, self.net());
        }
    }

    pub fn merge(&mut self, other: &CallSums) {
        // From here on the calls of several processes are in `merged`.
        self.merged = self.steady();
        (self.before, self.last) = ((0, 0), (0, 0));
        self.count += other.count;
        let theirs = other.steady();
        self.merged.calls += theirs.calls;
        self.merged.net = self.merged.net.wrapping_add(theirs.net);
        add(&mut self.figures, other.figures, true);
        add_own(&mut self.figures, other.figures);
        raise(&mut self.figures, other.figures);
    }

    fn net(&self) -> i64 {
        self.figures.map_or(0, |figures| figures.net())
    }

    fn steady(&self) -> Steady {
        let mut steady = self.merged;
        let (count, net) = self.before;
        if count > 0 {
            steady.calls += self.count - count;
            steady.net = steady.net.wrapping_add(self.net().wrapping_sub(net));
        }
        steady
    }

    /// Adds the sums to a function or a node. The bytes of recursive calls are in those of the
    /// outermost.
    pub fn add_to(&self, calls: &mut Option<Figures>, is_recursive: bool) {
        add(calls, self.figures, !is_recursive);
        add_own(calls, self.figures);
        raise(calls, self.figures);
        let (Some(calls), steady) = (calls, self.steady()) else { return };
        if steady.calls > 0 && !is_recursive {
            let all = calls.steady.get_or_insert_with(Steady::default);
            all.calls += steady.calls;
            all.net = all.net.wrapping_add(steady.net);
        }
    }
}

fn add(to: &mut Option<Figures>, from: Option<Figures>, bytes: bool) {
    let Some(from) = from else { return };
    let to = to.get_or_insert_with(Figures::default);
    if bytes {
        to.allocated = to.allocated.wrapping_add(from.allocated);
        to.freed = to.freed.wrapping_add(from.freed);
    }
}

fn add_own(to: &mut Option<Figures>, from: Option<Figures>) {
    let Some(from) = from else { return };
    let to = to.get_or_insert_with(Figures::default);
    to.self_allocated = to.self_allocated.wrapping_add(from.self_allocated);
    to.self_freed = to.self_freed.wrapping_add(from.self_freed);
}

fn raise(to: &mut Option<Figures>, from: Option<Figures>) {
    let Some(from) = from else { return };
    let to = to.get_or_insert_with(Figures::default);
    to.peak = to.peak.max(from.peak);
    to.high_water = to.high_water.max(from.high_water);
}
