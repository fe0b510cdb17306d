//! Puts the totals of all segments together into a report.

use std::cmp::Reverse;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::distribution::{BUCKETS, Distribution};
use crate::histogram::Distributions;
use crate::report::{
    Cold, Figures, Function, Node, NodeSegment, Outcomes, Report, SegmentTotals, Steady,
};
use crate::segment::{self, Segment};
use crate::site::{Outcome, Site};
use crate::totals::{self, Sums};
use crate::tree::{self, Kind};
use crate::{clock, jemalloc, proc, system, timeline};

/// Age of the process at the last reset, µs.
static STARTED: AtomicU64 = AtomicU64::new(0);

/// The totals up to now. Calls that still run are in the segments that they have finished.
///
/// ```
/// println!("{}", memprobe::report());
/// ```
pub fn report() -> Report {
    let mut gathered = Gathered::default();
    for segment in segment::all() {
        let sums = segment.totals.sums();
        if sums.hits > 0 {
            gathered.add(segment, &sums);
        }
    }
    let elapsed = proc::uptime_us(clock::fine()).saturating_sub(STARTED.load(Relaxed));
    Report {
        functions: gathered.functions(),
        tree: sorted(gathered.roots),
        folded_calls: gathered.folded_calls,
        process: system::process(),
        timeline: timeline::samples(),
        elapsed: Duration::from_micros(elapsed),
    }
}

/// Starts all totals anew. A call that is running then counts from its next point on.
pub fn reset() {
    STARTED.store(proc::uptime_us(clock::fine()), Relaxed);
    timeline::reset();
    totals::reset();
    for segment in segment::all() {
        segment.from.node.site.crowd.reset();
    }
}

#[derive(Default)]
struct Gathered {
    functions: Vec<(&'static Site, Function)>,
    roots: Vec<Branch>,
    folded_calls: u64,
    /// The distributions that are in already: calling contexts share them.
    distributed: Vec<*const Distributions>,
}

/// A node that its place in the tree tells from others, because two functions may have the
/// same name.
struct Branch {
    site: &'static Site,
    node: Node,
    children: Vec<Branch>,
}

impl Gathered {
    fn add(&mut self, segment: &'static Segment, sums: &Sums) {
        let node = segment.from.node;
        let ended = ended(segment);
        let counts = self.counts(segment);
        self.function(node.site).add(segment, sums, ended, counts.as_ref());
        if matches!(node.kind, Kind::Folded) {
            self.folded_calls += ended.map_or(0, |_| sums.hits);
            return;
        }
        if let Some(branch) = branch(&mut self.roots, node) {
            branch.add(segment, sums, ended);
        }
    }

    fn function(&mut self, site: &'static Site) -> &mut Function {
        let known = self.functions.iter().position(|(other, _)| ptr::eq(*other, site));
        let at = known.unwrap_or_else(|| {
            self.functions.push((site, Function::new(site)));
            self.functions.len() - 1
        });
        &mut self.functions[at].1
    }

    /// The counts of a segment's distributions, the first time that they are met.
    fn counts(&mut self, segment: &Segment) -> Option<Counts> {
        let distributions = ptr::from_ref(segment.distributions);
        if self.distributed.contains(&distributions) {
            return None;
        }
        self.distributed.push(distributions);
        let Segment { distributions, .. } = segment;
        Some(Counts { peaks: distributions.peaks(), allocations: distributions.allocations() })
    }

    fn functions(&mut self) -> Vec<Function> {
        let functions = self.functions.drain(..).map(|(_, function)| function);
        let mut functions: Vec<Function> = functions.collect();
        for function in &mut functions {
            function.segments.sort_by_key(|one| (one.carried, highest(one.figures)));
        }
        functions.sort_by_key(|function| highest(function.figures));
        functions
    }
}

/// Peaks and allocated bytes of single calls, by bucket.
struct Counts {
    peaks: [u64; BUCKETS],
    allocations: [u64; BUCKETS],
}

fn highest(figures: Option<Figures>) -> Reverse<Option<u64>> {
    Reverse(figures.map(|figures| figures.level))
}

/// Which outcome the calls had that ended with this segment, if they did and this stands for
/// the whole of them.
fn ended(segment: &'static Segment) -> Option<Outcome> {
    let node = segment.from.node;
    let starts = segment.whole || segment.from.is_entry;
    let outcomes = [Outcome::Returned, Outcome::Panicked, Outcome::Cancelled];
    outcomes.into_iter().filter(|_| starts).find(|&outcome| {
        segment.ends(node.site.end(outcome)) || segment.ends(node.site.whole(outcome))
    })
}

/// The branch for a node of the call tree; the turns of a recursion share the one of its
/// outermost call.
fn branch<'a>(roots: &'a mut Vec<Branch>, node: &'static tree::Node) -> Option<&'a mut Branch> {
    if let Kind::Recursive(outermost) = node.kind {
        return branch(roots, outermost);
    }
    let among = match node.caller {
        // What the others were called from is not known any more.
        Some(caller) if matches!(caller.kind, Kind::Folded) => roots,
        Some(caller) => &mut branch(roots, caller)?.children,
        None => roots,
    };
    let known = among.iter().position(|branch| ptr::eq(branch.site, node.site));
    let at = known.unwrap_or_else(|| {
        among.push(Branch::new(node.site));
        among.len() - 1
    });
    among.get_mut(at)
}

fn sorted(branches: Vec<Branch>) -> Vec<Node> {
    let mut nodes: Vec<Node> = branches
        .into_iter()
        .map(|Branch { mut node, children, .. }| {
            node.segments.sort_by_key(|one| (one.carried, highest(one.figures)));
            node.children = sorted(children);
            node
        })
        .collect();
    nodes.sort_by_key(|node| highest(node.figures));
    nodes
}

fn figures() -> Option<Figures> {
    jemalloc::is_global().then(Figures::default)
}

impl Outcomes {
    fn count(&mut self, outcome: Option<Outcome>, calls: u64) {
        match outcome {
            Some(Outcome::Returned) => self.returned += calls,
            Some(Outcome::Panicked) => self.panicked += calls,
            Some(Outcome::Cancelled) => self.cancelled += calls,
            None => {}
        }
    }
}

impl Function {
    fn new(site: &'static Site) -> Function {
        let (most_at_once, most_at_once_exact) = site.crowd.most();
        Function {
            name: site.name(),
            outcomes: Outcomes::default(),
            most_at_once: Some(most_at_once),
            most_at_once_exact,
            figures: figures(),
            cold: site
                .cold()
                .filter(|_| jemalloc::is_global())
                .map(|(peak, allocated)| Cold { peak, allocated }),
            peaks: Distribution::default(),
            allocations: Distribution::default(),
            segments: Vec::new(),
        }
    }

    fn add(
        &mut self,
        segment: &Segment,
        sums: &Sums,
        ended: Option<Outcome>,
        counts: Option<&Counts>,
    ) {
        self.outcomes.count(ended, sums.hits);
        if let Some(figures) = &mut self.figures {
            if ended.is_some() {
                distribute(&mut self.peaks, &mut self.allocations, sums, counts);
            }
            figures.add(segment, sums, ended);
        }
        if segment.whole {
            return;
        }
        let row = self.segment(segment);
        row.count += sums.hits;
        if let Some(figures) = &mut row.figures {
            figures.add_segment(segment, sums);
            distribute(&mut row.peaks, &mut row.allocations, sums, counts);
        }
    }

    /// The row of a segment: those of several places with the same labels share one.
    fn segment(&mut self, segment: &Segment) -> &mut SegmentTotals {
        let (from, label) = (segment.from.after, segment.label);
        let same = |other: &SegmentTotals| (other.from, other.label) == (from, label);
        let at = self.segments.iter().position(same).unwrap_or_else(|| {
            self.segments.push(SegmentTotals {
                from,
                label,
                carried: segment.from.is_carried,
                count: 0,
                figures: figures(),
                peaks: Distribution::default(),
                allocations: Distribution::default(),
            });
            self.segments.len() - 1
        });
        &mut self.segments[at]
    }
}

impl Branch {
    fn new(site: &'static Site) -> Branch {
        let node = Node {
            function: site.name(),
            outcomes: Outcomes::default(),
            figures: figures(),
            segments: Vec::new(),
            children: Vec::new(),
        };
        Branch { site, node, children: Vec::new() }
    }

    fn add(&mut self, segment: &Segment, sums: &Sums, ended: Option<Outcome>) {
        let node = &mut self.node;
        node.outcomes.count(ended, sums.hits);
        if let Some(figures) = &mut node.figures {
            figures.add(segment, sums, ended);
        }
        if segment.whole {
            return;
        }
        let (from, label) = (segment.from.after, segment.label);
        let same = |other: &NodeSegment| (other.from, other.label) == (from, label);
        let at = node.segments.iter().position(same).unwrap_or_else(|| {
            let carried = segment.from.is_carried;
            node.segments.push(NodeSegment { from, label, carried, count: 0, figures: figures() });
            node.segments.len() - 1
        });
        let row = &mut node.segments[at];
        row.count += sums.hits;
        if let Some(figures) = &mut row.figures {
            figures.add_segment(segment, sums);
        }
    }
}

impl Figures {
    /// Adds a segment to the figures of its calls. Whole calls do not know what they did
    /// themselves, their segments do.
    fn add(&mut self, segment: &Segment, sums: &Sums, ended: Option<Outcome>) {
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
        self.level = self.peak;
        self.self_peak = self.self_peak.max(Some(sums.mark));
        // What a recursion does is in the figures of its outermost call.
        if matches!(segment.from.node.kind, Kind::Recursive(_)) {
            return;
        }
        self.add_bytes(sums);
        if sums.later_hits > 0 {
            let steady = self.steady.get_or_insert_with(Steady::default);
            steady.calls += sums.later_hits;
            steady.net = steady.net.wrapping_add(sums.later_net);
        }
    }

    /// Adds a segment to its own figures.
    fn add_segment(&mut self, segment: &Segment, sums: &Sums) {
        self.add_own(sums);
        if !matches!(segment.from.node.kind, Kind::Recursive(_)) {
            self.add_bytes(sums);
        }
        self.peak = self.peak.max(sums.peak);
        self.level = self.level.max(if segment.from.is_entry { sums.peak } else { sums.mark });
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
    const NONE: Counts = Counts { peaks: [0; BUCKETS], allocations: [0; BUCKETS] };
    let counts = counts.unwrap_or(&NONE);
    peaks.add(sums.hits, sums.peak, &counts.peaks);
    allocations.add(sums.hits, sums.bytes.allocated, &counts.allocations);
}
