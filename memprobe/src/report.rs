//! The report: the totals of all calls as a value, and the views that are made from it.

#[cfg(feature = "__builder")]
pub(crate) mod builder;
pub(crate) mod distribution;
mod folded;
#[cfg(feature = "enabled")]
pub(crate) mod form;
#[cfg(feature = "html")]
pub(crate) mod html;
#[cfg(feature = "serde")]
mod json;
pub(crate) mod live;
#[cfg(feature = "pprof")]
pub(crate) mod pprof;
#[cfg(all(test, feature = "enabled"))]
mod sample_reports;
mod style;
mod symbols;
mod text;
pub(crate) mod verdicts;

pub use distribution::Distribution;
pub use live::{Age, Estimate, Live, LivePoint, Owner, OwnerKind, Rise, Stack};
pub use symbols::Frame;
pub use verdicts::{Churn, Growth, Owned, Pressure, Verdict, Verdicts};

use std::time::Duration;

use crate::values::process::Process;

/// What the calls of every annotated function did since the start of the process or the last
/// [`reset`](crate::reset()), returned by [`report`](crate::report()).
///
/// The figures are public fields, and these views are made from them:
///
/// | | |
/// |---|---|
/// | [`verdicts`](Report::verdicts) | which function needs the most memory, which call keeps more and more, which function churns |
/// | `Display` | the verdicts and the call tree, for a terminal |
/// | [`write_folded`](Report::write_folded) | folded stacks, for flame graphs |
/// | `serde::Serialize` | raw numbers, with the feature `serde` |
/// | `write_json` | the raw numbers as JSON, with the feature `json` |
/// | `to_html`, `write_html` | one page to open from disk, with the feature `html` |
///
/// All figures are bytes unless their name says otherwise. A figure that is not available is
/// `None`, and is left out of every view.
///
/// # Examples
///
/// ```
/// let report = memprobe::report();
/// print!("{report}");
/// for function in &report.functions {
///     println!("{}: {} calls", function.name, function.outcomes.calls());
/// }
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// The functions, each summed over all its calling contexts, the highest peak first.
    pub functions: Vec<Function>,
    /// The call tree: the functions by calling context. Its roots are functions as called by no
    /// annotated function. Besides these it has room for 1024 contexts, for 32 callers of each
    /// function and for 64 nested calls. Calls nested in one that it had no room for appear as
    /// roots.
    pub tree: Vec<Node>,
    /// How many calls were in contexts that the tree had no room for. They count for their
    /// functions and for their callers, and have no node of their own.
    pub folded_calls: u64,
    /// The process at the time of the report.
    pub process: Process,
    /// Samples of the process over time, the oldest first.
    pub timeline: Vec<Sample>,
    /// Who owns the live memory; `None` where that is not sampled, for which see
    /// [`live`](crate::live()).
    pub live: Option<Live>,
    /// Time since the start of the process or the last reset.
    pub elapsed: Duration,
}

/// One function, in all its calling contexts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Function {
    /// Path of the function, or the name that its attribute gives.
    pub name: &'static str,
    /// Calls that ended, and how.
    pub outcomes: Outcomes,
    /// Maximum concurrency: the most calls that ran at once, including calls that were waiting.
    pub max_concurrent: Option<u64>,
    /// Whether `max_concurrent` is exact. If a function has many short calls on many threads, its
    /// concurrency is only sampled, and `max_concurrent` is a lower bound. In a forked child it is never
    /// exact: calls that ran at the fork on other threads count as if they ran on.
    pub max_concurrent_exact: bool,
    /// The figures of whole calls; `None` if jemalloc is not the global allocator. Before the first
    /// call has ended only `self_allocated` and `self_freed` are known, of the segments that were
    /// passed.
    pub figures: Option<Figures>,
    /// The figures of the first call, to compare with the others.
    pub first_call: Option<FirstCall>,
    /// Distribution of the peaks of single calls.
    pub peaks: Distribution,
    /// Distribution of the bytes allocated in single calls.
    pub allocations: Distribution,
    /// The segments of the calls; the one that reached the highest level comes first.
    pub segments: Vec<SegmentTotals>,
    /// The segments of work that was carried out of calls by [`carry`](crate::carry()). Their bytes
    /// are also in the segments of the calls, so the two must not be added.
    pub carried: Vec<SegmentTotals>,
}

/// The first call of a function, which often fills caches for later calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FirstCall {
    /// Highest net above its start, in bytes.
    pub peak: u64,
    /// Bytes allocated in all.
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
    /// Its figures; `None` if jemalloc is not the global allocator.
    pub figures: Option<Figures>,
    /// Distribution of the peaks of single passes.
    pub peaks: Distribution,
    /// Distribution of the bytes allocated in single passes.
    pub allocations: Distribution,
}

/// One calling context: a function as called through one path of annotated functions.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Node {
    /// The name of the function.
    pub function: &'static str,
    /// Calls that ended, and how.
    pub outcomes: Outcomes,
    /// The figures of whole calls; `None` if jemalloc is not the global allocator. Before the first
    /// call has ended only `self_allocated` and `self_freed` are known, of the segments that were
    /// passed.
    pub figures: Option<Figures>,
    /// The segments of the calls; the one that reached the highest level comes first.
    pub segments: Vec<NodeSegment>,
    /// The segments of work that was carried out of calls. Their bytes are also in the segments of
    /// the calls.
    pub carried: Vec<NodeSegment>,
    /// What calls in this context own now of the live memory, nested calls not included; recursive
    /// calls count for the outermost. `None` where live memory is not sampled, for which see
    /// [`live`](crate::live()), or no live block of theirs is among the samples.
    pub live: Option<Estimate>,
    /// The nested calls, the highest peak first.
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
    /// Its figures; `None` if jemalloc is not the global allocator.
    pub figures: Option<Figures>,
}

/// How calls ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcomes {
    /// Calls that returned.
    pub returned: u64,
    /// Calls that ended with a panic.
    pub panicked: u64,
    /// Futures that were dropped before they were done.
    pub cancelled: u64,
    /// Spans that were closed: whether their work was done is not known.
    pub closed: u64,
}

impl Outcomes {
    /// Returns how many calls ended.
    pub fn calls(&self) -> u64 {
        self.returned + self.panicked + self.cancelled + self.closed
    }
}

/// Sums and highest values over all calls, or over all passes of a segment, in bytes. Nested calls
/// are included, except in fields whose name begins with `self`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Figures {
    /// Bytes allocated in all.
    pub allocated: u64,
    /// Bytes freed.
    pub freed: u64,
    /// Bytes allocated without nested annotated calls.
    pub self_allocated: u64,
    /// Bytes freed without nested annotated calls.
    pub self_freed: u64,
    /// Highest net above the start of the segment or call.
    pub peak: u64,
    /// Highest net above the start of the call. For a segment it is what the call held before the
    /// segment plus the segment's peak, so the segment in which the call peaked has the highest.
    pub high_water: u64,
    /// Highest net of the function itself: measured while the call was the innermost, less what
    /// its nested calls had kept. `None` for segments.
    pub self_peak: Option<u64>,
    /// The latter part of the calls; `None` for segments, and while there are too few calls.
    pub steady: Option<Steady>,
}

/// The latter part of the calls, at least half of them. By then caches are usually filled, so what
/// these calls keep is the sign of a leak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Steady {
    /// How many calls the latter part has.
    pub calls: u64,
    /// Bytes allocated less bytes freed in these calls, nested calls included.
    pub net: i64,
}

impl Function {
    /// Returns the segments of calls and those of carried work.
    #[cfg(feature = "html")]
    pub(crate) fn all_segments(&self) -> impl Iterator<Item = &SegmentTotals> {
        self.segments.iter().chain(&self.carried)
    }

    /// Returns the highest peak times the maximum concurrency, in bytes: what these calls would
    /// need together if they all peaked at the same time. `None` if either is not known.
    pub fn pressure(&self) -> Option<u64> {
        Some(self.of_ended_calls()?.peak.saturating_mul(self.max_concurrent?))
    }

    /// Returns the figures of whole calls; `None` if there are none, or if no call has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// for function in memprobe::report().functions {
    ///     if let Some(figures) = function.of_ended_calls() {
    ///         println!("{} peaks at {} bytes", function.name, figures.peak);
    ///     }
    /// }
    /// ```
    pub fn of_ended_calls(&self) -> Option<&Figures> {
        self.figures.as_ref().filter(|_| self.outcomes.calls() > 0)
    }
}

impl Node {
    /// Returns the figures of whole calls; `None` if there are none, or if no call has ended.
    pub fn of_ended_calls(&self) -> Option<&Figures> {
        self.figures.as_ref().filter(|_| self.outcomes.calls() > 0)
    }
}

impl Figures {
    /// Returns `allocated − freed`, in bytes: what was kept.
    pub fn net(&self) -> i64 {
        self.allocated.wrapping_sub(self.freed) as i64
    }

    /// Returns `self_allocated − self_freed`, in bytes: what was kept without nested annotated
    /// calls.
    pub fn self_net(&self) -> i64 {
        self.self_allocated.wrapping_sub(self.self_freed) as i64
    }
}

impl Steady {
    /// Returns the bytes that each call kept on average; 0 if there are no calls.
    pub fn per_call(&self) -> i64 {
        self.net.checked_div(self.calls as i64).unwrap_or(0)
    }
}

/// A sample of the process, taken when a call reached a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sample {
    /// Age of the process, in µs.
    pub uptime_us: u64,
    /// Resident set size, in bytes.
    pub rss: Option<u64>,
    /// jemalloc's `stats.allocated`, in bytes.
    pub allocated: Option<u64>,
    /// The function that reached the point.
    pub function: &'static str,
    /// The point's label.
    pub label: &'static str,
    /// The segment that most likely raised the figures since the previous sample: the one with the
    /// highest peak of all that ended since then, on any thread. If a segment of a nested call had
    /// at least half of that peak, it is taken instead of the one around it. `None` if no peak
    /// reached 1 MiB. Segments that were still running are not considered.
    pub largest: Option<Pass>,
}

/// One pass of a call through a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pass {
    /// The function that was called.
    pub function: &'static str,
    /// The label it started at; `entry` for the first.
    pub from: &'static str,
    /// The label it ended at; `return`, `panic` or `cancel` for the last.
    pub label: &'static str,
    /// Bytes allocated less bytes freed, nested calls included.
    pub net: i64,
    /// Highest net above the start of the segment, in bytes.
    pub peak: u64,
}

impl Report {
    /// Returns the path to every node, callers before the nodes they call.
    #[cfg(feature = "html")]
    pub(crate) fn contexts(&self) -> Vec<Vec<&Node>> {
        let mut all = Vec::new();
        walk(&self.tree, |path| all.push(path.to_vec()));
        all
    }

    /// Returns why there are no figures at all, and what to add; `None` if there are figures.
    pub(crate) fn why_empty(&self) -> Option<&'static str> {
        if self.functions.is_empty() {
            Some(if cfg!(feature = "enabled") {
                "memprobe has seen no annotated function end a call yet"
            } else if cfg!(feature = "__builder") {
                "no event of a call is in the log"
            } else {
                "memprobe is compiled out: build with its feature `enabled`"
            })
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

/// Calls `visit` with the path to every node, callers before the nodes they call. Does not recurse,
/// so a deep tree cannot overflow the stack.
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
