//! Builds a report from the totals of all segments.

use std::collections::{HashMap, HashSet};
use std::ptr;
use std::time::Duration;

#[cfg(feature = "metrics")]
use crate::report::distribution::BUCKETS;
use crate::report::distribution::{Buckets, Distribution};
use crate::report::{Figures, FirstCall, Function, Live, Outcomes, Report, SegmentTotals, Steady};
use crate::runtime::readings::thread::{IgnoreAllocs, for_caller};
use crate::runtime::readings::{clock, fork, jemalloc, proc, system};
use crate::runtime::stats::branches::Branches;
use crate::runtime::stats::call_tree::Kind;
use crate::runtime::stats::call_tree::{self, Segment};
use crate::runtime::stats::concurrency;
use crate::runtime::stats::generation;
use crate::runtime::stats::histogram::Distributions;
#[cfg(feature = "metrics")]
use crate::runtime::stats::lifetime;
#[cfg(feature = "live")]
use crate::runtime::stats::live;
use crate::runtime::stats::rows::{Row, at, figures, highest};
use crate::runtime::stats::site::{Outcome, Site};
use crate::runtime::stats::timeline;
use crate::runtime::stats::totals::Sums;
use crate::runtime::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Age of the process at the last reset, in µs.
static STARTED: AtomicU64 = AtomicU64::new(0);

/// Returns a report of all totals up to now. A call that still runs counts with the segments that
/// it has finished.
///
/// # Examples
///
/// ```
/// println!("{}", memprobe::report());
/// ```
pub fn report() -> Report {
    for_caller(gather)
}

fn gather() -> Report {
    let mut gathered = Gathered::default();
    for segment in call_tree::all() {
        let sums = segment.totals.sums();
        if sums.count > 0 {
            gathered.add(segment, &sums);
        }
    }
    let live = live(&mut gathered.branches);
    let elapsed = proc::uptime_us(clock::fine()).saturating_sub(STARTED.load(Relaxed));
    Report {
        functions: Gathered::functions(gathered.functions),
        tree: gathered.branches.tree(),
        folded_calls: gathered.folded_calls,
        process: system::process(),
        timeline: timeline::samples(),
        live,
        elapsed: Duration::from_micros(elapsed),
    }
}

/// Returns who owns the live memory, if it is sampled, and adds to each branch what it owns.
#[cfg(feature = "live")]
fn live(branches: &mut Branches) -> Option<Live> {
    let (live, nodes) = live::BLOCKS.is_mapped().then(live::rows)?;
    branches.add_live(nodes);
    Some(live)
}

#[cfg(not(feature = "live"))]
fn live(_: &mut Branches) -> Option<Live> {
    None
}

/// Returns the functions alone, without the call tree. The distributions are read after all sums, so
/// that they have nearly every call of the sums, which counts first.
#[cfg(feature = "metrics")]
pub(crate) fn functions() -> Vec<Function> {
    let summed = call_tree::all().map(|segment| (segment, segment.totals.sums()));
    let summed: Vec<_> = summed.filter(|(_, sums)| sums.count > 0).collect();
    let mut gathered = Gathered::default();
    for (segment, sums) in summed {
        let counts = gathered.is_first(segment).then(|| Counts::settled(segment.distributions));
        gathered.function(segment, &sums, ended(segment), counts.as_ref());
    }
    Gathered::functions(gathered.functions)
}

/// Starts all totals anew. A call that is running then counts from its next point on.
///
/// # Examples
///
/// ```
/// memprobe::reset();
/// assert!(memprobe::report().functions.is_empty());
/// ```
pub fn reset() {
    #[cfg(feature = "metrics")]
    lifetime::reset(functions, start_anew);
    #[cfg(not(feature = "metrics"))]
    start_anew();
}

fn start_anew() {
    let _ignored = IgnoreAllocs::begin();
    STARTED.store(proc::uptime_us(clock::fine()), Relaxed);
    timeline::reset();
    #[cfg(feature = "live")]
    live::history::reset();
    generation::reset();
    concurrency::reset();
}

#[derive(Default)]
struct Gathered {
    functions: Vec<Function>,
    function_of: HashMap<*const Site, usize>,
    rows: HashMap<Row, usize>,
    branches: Branches,
    folded_calls: u64,
    /// The distributions that were added already: calling contexts share them.
    distributed: HashSet<*const Distributions>,
}

impl Gathered {
    fn add(&mut self, segment: &'static Segment, sums: &Sums) {
        let node = segment.from.node;
        let ended = ended(segment);
        let counts = self.is_first(segment).then(|| Counts::of(segment.distributions));
        self.function(segment, sums, ended, counts.as_ref());
        if matches!(node.kind, Kind::Folded) {
            self.folded_calls += ended.map_or(0, |_| sums.count);
        } else {
            self.branches.add(segment, sums, ended);
        }
    }

    fn function(
        &mut self,
        segment: &'static Segment,
        sums: &Sums,
        ended: Option<Outcome>,
        counts: Option<&Counts>,
    ) {
        let site = segment.from.node.site;
        let address = ptr::from_ref(site);
        let function =
            at(&mut self.function_of, address, &mut self.functions, || Function::new(site));
        function.add(segment, sums, ended, counts);
        if segment.whole {
            return;
        }
        let is_carried = segment.from.is_carried;
        let row = (address as usize, is_carried, segment.from.after, segment.label);
        let rows = if is_carried { &mut function.carried } else { &mut function.segments };
        at(&mut self.rows, row, rows, || SegmentTotals::new(segment)).add(segment, sums, counts);
    }

    /// Returns true the first time that a segment's distributions are met.
    fn is_first(&mut self, segment: &Segment) -> bool {
        self.distributed.insert(ptr::from_ref(segment.distributions))
    }

    fn functions(mut functions: Vec<Function>) -> Vec<Function> {
        for function in &mut functions {
            for segments in [&mut function.segments, &mut function.carried] {
                segments.sort_by_key(|segment| highest(segment.figures));
                segments.shrink_to_fit();
            }
        }
        functions.sort_by_key(|function| highest(function.figures));
        functions.shrink_to_fit();
        functions
    }
}

/// How many peaks and how many amounts of allocated bytes of single calls fell into each bucket.
struct Counts {
    peaks: Buckets,
    allocations: Buckets,
}

impl Counts {
    fn of(distributions: &Distributions) -> Counts {
        Counts {
            peaks: Buckets::of(&distributions.peaks()),
            allocations: Buckets::of(&distributions.allocations()),
        }
    }

    /// Reads twice. A bucket may read too low while a thread carries its overflow, and never reads
    /// too high.
    #[cfg(feature = "metrics")]
    fn settled(distributions: &Distributions) -> Counts {
        let higher = |one: [u64; BUCKETS], other: [u64; BUCKETS]| {
            std::array::from_fn(|bucket| one[bucket].max(other[bucket]))
        };
        let (peaks, allocations) = (distributions.peaks(), distributions.allocations());
        Counts {
            peaks: Buckets::of(&higher(peaks, distributions.peaks())),
            allocations: Buckets::of(&higher(allocations, distributions.allocations())),
        }
    }
}

/// Returns the outcome of the calls that ended with this segment, if it stands for whole calls.
fn ended(segment: &'static Segment) -> Option<Outcome> {
    let node = segment.from.node;
    let starts = segment.whole || segment.from.is_entry;
    Outcome::ALL.into_iter().filter(|_| starts).find(|&outcome| {
        segment.ends(node.site.end(outcome)) || segment.ends(node.site.whole(outcome))
    })
}

impl Outcomes {
    pub(crate) fn count(&mut self, outcome: Option<Outcome>, calls: u64) {
        match outcome {
            Some(Outcome::Returned) => self.returned += calls,
            Some(Outcome::Panicked) => self.panicked += calls,
            Some(Outcome::Cancelled) => self.cancelled += calls,
            Some(Outcome::Closed) => self.closed += calls,
            None => {}
        }
    }
}

impl Function {
    fn new(site: &'static Site) -> Function {
        let (max_concurrent, is_exact) = site.concurrency.most();
        Function {
            name: site.name(),
            outcomes: Outcomes::default(),
            max_concurrent: Some(max_concurrent),
            // A forked child cannot tell the calls of threads that it does not have.
            max_concurrent_exact: is_exact && !fork::is_child(),
            figures: figures(),
            first_call: site
                .cold()
                .filter(|_| jemalloc::is_global())
                .map(|(peak, allocated)| FirstCall { peak, allocated }),
            peaks: Distribution::default(),
            allocations: Distribution::default(),
            segments: Vec::new(),
            carried: Vec::new(),
        }
    }

    fn add(
        &mut self,
        segment: &Segment,
        sums: &Sums,
        ended: Option<Outcome>,
        counts: Option<&Counts>,
    ) {
        self.outcomes.count(ended, sums.count);
        if let Some(figures) = &mut self.figures {
            if ended.is_some() {
                distribute(&mut self.peaks, &mut self.allocations, sums, counts);
            }
            figures.add(segment, sums, ended);
        }
    }
}

impl SegmentTotals {
    fn new(segment: &Segment) -> SegmentTotals {
        SegmentTotals {
            from: segment.from.after,
            label: segment.label,
            count: 0,
            figures: figures(),
            peaks: Distribution::default(),
            allocations: Distribution::default(),
        }
    }

    /// Adds a segment with these labels, from one probe or calling context.
    fn add(&mut self, segment: &Segment, sums: &Sums, counts: Option<&Counts>) {
        self.count += sums.count;
        if let Some(figures) = &mut self.figures {
            figures.add_segment(segment, sums);
            distribute(&mut self.peaks, &mut self.allocations, sums, counts);
        }
    }
}

impl Figures {
    /// Adds a segment to the figures of its calls. The bytes without nested calls come from
    /// segments: whole calls do not have them.
    pub(crate) fn add(&mut self, segment: &Segment, sums: &Sums, ended: Option<Outcome>) {
        if !segment.whole {
            self.add_own(sums);
        }
        if segment.ends(&segment.from.node.site.late) {
            self.add_bytes(sums);
        }
        if ended.is_none() {
            return;
        }
        self.peak = self.peak.max(sums.peak);
        self.high_water = self.peak;
        self.self_peak = self.self_peak.max(Some(sums.level_or_self_peak));
        // The outermost call's figures include the bytes of the recursive calls.
        if matches!(segment.from.node.kind, Kind::Recursive(_)) {
            return;
        }
        self.add_bytes(sums);
        if sums.recent_count > 0 {
            let steady = self.steady.get_or_insert_with(Steady::default);
            steady.calls += sums.recent_count;
            steady.net = steady.net.wrapping_add(sums.recent_net);
        }
    }

    /// Adds a segment to the figures of its row.
    pub(crate) fn add_segment(&mut self, segment: &Segment, sums: &Sums) {
        self.add_own(sums);
        if !matches!(segment.from.node.kind, Kind::Recursive(_)) {
            self.add_bytes(sums);
        }
        self.peak = self.peak.max(sums.peak);
        self.high_water = self.high_water.max(if segment.from.is_entry {
            sums.peak
        } else {
            sums.level_or_self_peak
        });
    }

    fn add_bytes(&mut self, sums: &Sums) {
        self.allocated = self.allocated.wrapping_add(sums.bytes.allocated);
        self.freed = self.freed.wrapping_add(sums.bytes.freed);
    }

    fn add_own(&mut self, sums: &Sums) {
        self.self_allocated = self.self_allocated.wrapping_add(sums.own.allocated);
        self.self_freed = self.self_freed.wrapping_add(sums.own.freed);
    }
}

fn distribute(
    peaks: &mut Distribution,
    allocations: &mut Distribution,
    sums: &Sums,
    counts: Option<&Counts>,
) {
    peaks.add(sums.count, sums.peak, counts.map(|counts| &counts.peaks));
    // No maximum is kept of the bytes that single calls allocated.
    allocations.add(sums.count, 0, counts.map(|counts| &counts.allocations));
}
