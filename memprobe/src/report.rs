//! The totals, as a value: what all views are made from.

pub(crate) mod distribution;
mod folded;
#[cfg(feature = "enabled")]
pub(crate) mod form;
#[cfg(feature = "html")]
mod html;
#[cfg(feature = "serde")]
mod json;
#[cfg(all(test, feature = "enabled"))]
mod sample_reports;
mod style;
mod text;
pub(crate) mod verdicts;

pub use distribution::Distribution;
pub use verdicts::{Churn, Growth, Pressure, Verdict, Verdicts};

use std::time::Duration;

use crate::values::process::Process;

/// What every annotated function has done since the start or the last [`reset`](crate::reset()).
///
/// A value to look at, and the source of all views:
///
/// | | |
/// |---|---|
/// | [`verdicts`](Report::verdicts) | what presses, what grows, what churns |
/// | `Display` | the verdicts and the call tree, for a terminal |
/// | [`write_folded`](Report::write_folded) | folded stacks, for flame graphs |
/// | `serde::Serialize` | raw numbers, with the feature `serde` |
/// | `write_json` | the same as JSON, with the feature `json` |
/// | `to_html`, `write_html` | one page to open from disk, with the feature `html` |
///
/// All figures are bytes unless their name says otherwise. One that cannot be had is `None`,
/// and left out of every view.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// Functions in all their calling contexts, the one with the highest peak first.
    pub functions: Vec<Function>,
    /// The same by calling context, from the functions that no annotated one calls. There is
    /// room for 1024 contexts beside those, for 32 callers of a function and for 64 calls in
    /// each other; what is called from where there was none stands as if nothing called it.
    pub tree: Vec<Node>,
    /// Calls in contexts that the tree had no room for. They count for their functions and
    /// for their callers, and have no node of their own.
    pub folded_calls: u64,
    /// The process at the time of the report.
    pub process: Process,
    /// The process over time, the oldest first.
    pub timeline: Vec<Sample>,
    /// Since the start or the last reset.
    pub elapsed: Duration,
}

/// One function, in all its calling contexts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Function {
    /// Its path, or the name that its attribute gives.
    pub name: &'static str,
    /// Calls that ended, and how.
    pub outcomes: Outcomes,
    /// Most calls that ran at once, also of one future that waits while others run.
    pub max_concurrent: Option<u64>,
    /// Whether there were never more. A function whose calls are short, many, and on many
    /// threads is looked at only so often, and may have run more of them at once than were seen.
    pub max_concurrent_exact: bool,
    /// The figures of whole calls; `None` where jemalloc is not the global allocator.
    pub figures: Option<Figures>,
    /// The first call, to hold against the others.
    pub first_call: Option<FirstCall>,
    /// How the peaks of single calls are distributed.
    pub peaks: Distribution,
    /// How the allocated bytes of single calls are distributed.
    pub allocations: Distribution,
    /// From point to point, the one that reached the highest level first.
    pub segments: Vec<SegmentTotals>,
    /// The segments of work that was carried out of calls ([`carry`](crate::carry())). Their
    /// bytes are in the segments of the calls too, so the two do not add up.
    pub carried: Vec<SegmentTotals>,
}

/// The first call of a function: it fills caches and makes what later calls find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FirstCall {
    /// Highest net above its start, bytes.
    pub peak: u64,
    /// Bytes allocated.
    pub allocated: u64,
}

/// One segment of a function, in all calling contexts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SegmentTotals {
    /// The label it starts at; `entry` for the first.
    pub from: &'static str,
    /// The label it ends at; `return`, `panic` or `cancel` for the last.
    pub label: &'static str,
    /// How often it was passed.
    pub count: u64,
    /// Its figures; `None` where jemalloc is not the global allocator.
    pub figures: Option<Figures>,
    /// How the peaks of single passes are distributed.
    pub peaks: Distribution,
    /// How the allocated bytes of single passes are distributed.
    pub allocations: Distribution,
}

/// One calling context: a function, as it is called from one place of the tree.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Node {
    /// The name of the function.
    pub function: &'static str,
    /// Calls that ended, and how.
    pub outcomes: Outcomes,
    /// The figures of whole calls; `None` where jemalloc is not the global allocator.
    pub figures: Option<Figures>,
    /// From point to point, the one that reached the highest level first.
    pub segments: Vec<NodeSegment>,
    /// The segments of work that was carried out of calls, whose bytes are in those of the
    /// calls too.
    pub carried: Vec<NodeSegment>,
    /// What calls of this node have called, the one with the highest peak first.
    pub children: Vec<Node>,
}

/// One segment in one calling context.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeSegment {
    /// The label it starts at; `entry` for the first.
    pub from: &'static str,
    /// The label it ends at; `return`, `panic` or `cancel` for the last.
    pub label: &'static str,
    /// How often it was passed.
    pub count: u64,
    /// Its figures; `None` where jemalloc is not the global allocator.
    pub figures: Option<Figures>,
}

/// How calls ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcomes {
    /// Calls that returned.
    pub returned: u64,
    /// Calls that ended by a panic.
    pub panicked: u64,
    /// Futures that were dropped before they were done.
    pub cancelled: u64,
}

impl Outcomes {
    /// Calls that ended, in whichever way.
    pub fn calls(&self) -> u64 {
        self.returned + self.panicked + self.cancelled
    }
}

/// What calls, or segments of them, did: sums over all of them and highest values, in bytes;
/// with nested calls unless it says `self`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Figures {
    /// Bytes allocated, all that was asked for.
    pub allocated: u64,
    /// Bytes freed.
    pub freed: u64,
    /// Bytes allocated without nested annotated calls.
    pub self_allocated: u64,
    /// Bytes freed without nested annotated calls.
    pub self_freed: u64,
    /// Highest net above the start of the segment or call.
    pub peak: u64,
    /// Highest net above the start of the call. For a segment it is what the call held before
    /// and the segment's peak, so that the segment of the true high-water has the highest.
    pub high_water: u64,
    /// Highest net while the call was the innermost, less what its nested calls had kept:
    /// what the function itself had at most. `None` for segments.
    pub self_peak: Option<u64>,
    /// The latter part of the calls; `None` for segments, and while there are too few calls
    /// to have one.
    pub steady: Option<Steady>,
}

/// The latter part of the calls, at least half of them, when caches are filled and what is made
/// once is made. What these calls still keep is the sign of a leak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Steady {
    /// How many calls.
    pub calls: u64,
    /// Bytes that they allocated less those that they freed, nested calls with them.
    pub net: i64,
}

impl Function {
    /// The segments of calls and those of carried work.
    #[cfg(feature = "html")]
    pub(crate) fn all_segments(&self) -> impl Iterator<Item = &SegmentTotals> {
        self.segments.iter().chain(&self.carried)
    }

    /// The highest peak times the most calls at once, bytes: what all of them would need
    /// together if they peaked at the same time.
    pub fn pressure(&self) -> Option<u64> {
        Some(self.figures?.peak.saturating_mul(self.max_concurrent?))
    }
}

impl Figures {
    /// `allocated − freed`: what was kept.
    pub fn net(&self) -> i64 {
        self.allocated.wrapping_sub(self.freed) as i64
    }

    /// What was kept, without nested annotated calls.
    pub fn self_net(&self) -> i64 {
        self.self_allocated.wrapping_sub(self.self_freed) as i64
    }
}

impl Steady {
    /// Bytes that each call kept, on average.
    pub fn per_call(&self) -> i64 {
        self.net.checked_div(self.calls as i64).unwrap_or(0)
    }
}

/// The process at one point of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sample {
    /// Age of the process, µs.
    pub uptime_us: u64,
    /// Resident set size, bytes.
    pub rss: Option<u64>,
    /// Bytes that jemalloc has handed out and not got back (`stats.allocated`).
    pub allocated: Option<u64>,
    /// The function that reached the point.
    pub function: &'static str,
    /// The point's label.
    pub label: &'static str,
    /// What may have raised the figures since the sample before: of all segments that ended in
    /// that time, on any thread, the one with the highest peak; `None` if none had a peak of
    /// 1 MiB. A segment of a nested call that had at least half of that peak stands for the one
    /// around it. What still ran is not known.
    pub largest: Option<Pass>,
}

/// One call's way through one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pass {
    /// The function whose call it was.
    pub function: &'static str,
    /// The label it started at; `entry` for the first.
    pub from: &'static str,
    /// The label it ended at; `return`, `panic` or `cancel` for the last.
    pub label: &'static str,
    /// Bytes allocated less bytes freed, nested calls with them.
    pub net: i64,
    /// Highest net above the start of the segment, bytes.
    pub peak: u64,
}

impl Report {
    /// Every calling context with the nodes that lead to it, callers before what they call.
    #[cfg(feature = "html")]
    pub(crate) fn contexts(&self) -> Vec<Vec<&Node>> {
        let mut all = Vec::new();
        walk(&self.tree, |path| all.push(path.to_vec()));
        all
    }

    /// Why there are no figures at all, and what to add; `None` if there are.
    pub(crate) fn why_empty(&self) -> Option<&'static str> {
        if cfg!(not(feature = "enabled")) {
            Some("memprobe is compiled out: build with its feature `enabled`")
        } else if self.functions.is_empty() {
            Some("memprobe has seen no annotated function end a call yet")
        } else if self.functions.iter().all(|function| function.figures.is_none()) {
            Some(
                "no bytes: jemalloc is not the global allocator; add \
                 `memprobe::global_allocator!();` to the crate with `main`",
            )
        } else {
            None
        }
    }
}

/// Goes to every node with those that lead to it, callers before what they call.
pub(crate) fn walk<'a>(nodes: &'a [Node], mut visit: impl FnMut(&[&'a Node])) {
    let (mut path, mut open) = (Vec::new(), vec![nodes.iter()]);
    while let Some(siblings) = open.last_mut() {
        if let Some(node) = siblings.next() {
            path.push(node);
            visit(&path);
            open.push(node.children.iter());
        } else {
            open.pop();
            path.pop();
        }
    }
}
