//! Builds a report from single calls and segments that something else has observed, as the command
//! `memprobe` does with those in a log. The sums are those of the running program's own report.
//!
//! What only the program knows is left out: peaks of functions without their nested calls, carried
//! work that came too late, and the owners of live memory.

mod calls;
mod context;
mod rows;
mod timeline;

pub use calls::{Call, CallFigures, Outcome, Segment, SegmentFigures};
pub use context::Context;

use std::time::Duration;

use crate::report::builder::calls::{CallSums, SegmentSums};
use crate::report::builder::context::Contexts;
use crate::report::builder::rows::{Rows, highest};
use crate::report::builder::timeline::Timeline;
use crate::report::distribution::Distribution;
use crate::report::{FirstCall, Function, Node, NodeSegment, Outcomes, Report, SegmentTotals};
use crate::values::process::Process;

/// The labels at the ends of a segment.
type Labels = (&'static str, &'static str);

/// Sums of observed calls, by function and by calling context.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    contexts: Contexts,
    /// How often each segment was passed, by calling context. The order is that of their first
    /// pass.
    segments: Rows<(Context, Labels), SegmentSums>,
    calls: Rows<(Context, Outcome, bool), CallSums>,
    functions: Rows<&'static str, Observed>,
    /// Distributions of segments, by function.
    distributions: Rows<(&'static str, Labels), (Distribution, Distribution)>,
    timeline: Timeline,
    /// The process as it was last seen.
    pub process: Process,
    /// Time that the observed calls cover.
    pub elapsed: Duration,
}

/// What is known of a function beside the sums of its contexts.
#[derive(Clone, Debug, Default)]
struct Observed {
    max_concurrent: Option<u64>,
    first_call: Option<FirstCall>,
    peaks: Distribution,
    allocations: Distribution,
}

impl Builder {
    /// Returns the calling context of a call of `function` from `caller`.
    pub fn enter(&mut self, caller: Option<Context>, function: &'static str) -> Context {
        self.contexts.enter(caller, function)
    }

    /// Returns the calling context of a call of `function` from `caller`, if it was entered before.
    pub fn context(&self, caller: Option<Context>, function: &'static str) -> Option<Context> {
        self.contexts.find(caller, function)
    }

    /// Returns whether a segment with these labels has ended in a calling context.
    pub fn has_segment(&self, context: Context, labels: Labels) -> bool {
        self.segments.place(&(context, labels)).is_some()
    }

    /// Returns how many calling contexts and segments there are.
    pub fn rows(&self) -> usize {
        self.contexts.len() + self.segments.len() + self.calls.len()
    }

    /// Adds a segment that has ended.
    pub fn add_segment(&mut self, context: Context, labels: Labels, segment: Segment) {
        let function = self.contexts.function(context);
        self.functions.at(function);
        self.segments.at((context, labels)).add(&segment);
        let (peaks, allocations) = self.distributions.at((function, labels));
        if let Segment { figures: Some(figures), .. } = segment {
            peaks.observe(figures.peak, figures.is_idle(), true);
            allocations.observe(figures.allocated, figures.is_idle(), false);
            self.timeline.end(&self.contexts, context, labels, &figures);
        }
    }

    /// Adds a call that has ended. Its segments are added on their own.
    pub fn add_call(&mut self, context: Context, call: &Call) {
        let function = self.contexts.function(context);
        self.calls.at((context, call.outcome, call.has_probes)).add(call);
        let observed = self.functions.at(function);
        let Some(figures) = call.figures else { return };
        observed.peaks.observe(figures.peak, figures.is_idle(), true);
        observed.allocations.observe(figures.allocated, figures.is_idle(), false);
        observed
            .first_call
            .get_or_insert(FirstCall { peak: figures.peak, allocated: figures.allocated });
    }

    /// Records that so many calls of a function ran at once.
    pub fn raise_concurrency(&mut self, function: &'static str, calls: u64) {
        let most = &mut self.functions.at(function).max_concurrent;
        *most = (*most).max(Some(calls));
    }

    /// Adds a sample of the process, taken at a point of a call.
    pub fn add_sample(
        &mut self,
        uptime_us: u64,
        (rss, allocated): (Option<u64>, Option<u64>),
        (function, label): Labels,
    ) {
        self.timeline.add(uptime_us, (rss, allocated), (function, label));
    }

    /// Adds the calls of another process. Its timeline has another start and is left out.
    pub fn merge(&mut self, other: &Builder) {
        let contexts = self.contexts.merge(&other.contexts);
        for ((context, labels), sums) in other.segments.iter() {
            self.segments.at((contexts[context], *labels)).merge(sums);
        }
        for ((context, outcome, has_probes), sums) in other.calls.iter() {
            self.calls.at((contexts[context], *outcome, *has_probes)).merge(sums);
        }
        for (function, theirs) in other.functions.iter() {
            let ours = self.functions.at(function);
            ours.max_concurrent = ours.max_concurrent.max(theirs.max_concurrent);
            ours.first_call = ours.first_call.or(theirs.first_call);
            ours.peaks.merge(&theirs.peaks);
            ours.allocations.merge(&theirs.allocations);
        }
        for (key, (peaks, allocations)) in other.distributions.iter() {
            let ours = self.distributions.at(*key);
            ours.0.merge(peaks);
            ours.1.merge(allocations);
        }
        self.timeline.close();
        self.elapsed = self.elapsed.max(other.elapsed);
    }

    /// Returns the report.
    pub fn report(&self) -> Report {
        let mut functions: Vec<Function> =
            self.functions.iter().map(|(name, observed)| observed.function(name)).collect();
        let mut nodes: Vec<Node> = self.contexts.branches().map(node).collect();
        for (&(context, labels), sums) in self.segments.iter() {
            let is_recursive = self.contexts.is_recursive(context);
            if let Some(function) = self.place(context).and_then(|at| functions.get_mut(at)) {
                sums.add_own_to(&mut function.figures);
                let name = function.name;
                let is_it = |row: &SegmentTotals| (row.from, row.label) == labels;
                let new = || self.segment_totals(name, labels);
                let row = row(&mut function.segments, is_it, new);
                row.count += sums.count;
                sums.add_to(&mut row.figures, is_recursive);
            }
            let branch = self.contexts.branch(context);
            if let Some(node) = branch.and_then(|at| nodes.get_mut(at)) {
                sums.add_own_to(&mut node.figures);
                let (from, label) = labels;
                let is_it = |row: &NodeSegment| (row.from, row.label) == labels;
                let new = || NodeSegment { from, label, count: 0, figures: None };
                let row = row(&mut node.segments, is_it, new);
                row.count += sums.count;
                sums.add_to(&mut row.figures, is_recursive);
            }
        }
        let mut folded_calls = 0;
        for (&(context, outcome, _), sums) in self.calls.iter() {
            let is_recursive = self.contexts.is_recursive(context);
            if let Some(function) = self.place(context).and_then(|at| functions.get_mut(at)) {
                outcome.count(&mut function.outcomes, sums.count);
                sums.add_to(&mut function.figures, is_recursive);
            }
            let branch = self.contexts.branch(context);
            match branch.and_then(|at| nodes.get_mut(at)) {
                Some(node) => {
                    outcome.count(&mut node.outcomes, sums.count);
                    sums.add_to(&mut node.figures, is_recursive);
                }
                None => folded_calls += sums.count,
            }
        }
        for function in &mut functions {
            function.segments.sort_by_key(|segment| highest(segment.figures));
        }
        functions.sort_by_key(|function| highest(function.figures));
        Report {
            functions,
            tree: self.contexts.tree(nodes),
            folded_calls,
            process: self.process.clone(),
            timeline: self.timeline.samples(),
            live: None,
            elapsed: self.elapsed,
        }
    }

    /// Returns the place of the function of a context.
    fn place(&self, context: Context) -> Option<usize> {
        self.functions.place(&self.contexts.function(context))
    }

    fn segment_totals(&self, function: &'static str, labels: Labels) -> SegmentTotals {
        let (peaks, allocations) = self.distributions.get(&(function, labels));
        let (from, label) = labels;
        SegmentTotals { from, label, count: 0, figures: None, peaks, allocations }
    }
}

impl Observed {
    fn function(&self, name: &'static str) -> Function {
        Function {
            name,
            outcomes: Outcomes::default(),
            max_concurrent: self.max_concurrent,
            // Calls that were not written may have run as well.
            max_concurrent_exact: false,
            figures: None,
            first_call: self.first_call,
            peaks: self.peaks.clone(),
            allocations: self.allocations.clone(),
            segments: Vec::new(),
            carried: Vec::new(),
        }
    }
}

fn node(function: &'static str) -> Node {
    Node {
        function,
        outcomes: Outcomes::default(),
        figures: None,
        segments: Vec::new(),
        carried: Vec::new(),
        live: None,
        children: Vec::new(),
    }
}

/// Returns the row that `is_it`, or a new one at the end.
fn row<T>(rows: &mut Vec<T>, is_it: impl Fn(&T) -> bool, new: impl FnOnce() -> T) -> &mut T {
    let at = rows.iter().position(is_it).unwrap_or_else(|| {
        rows.push(new());
        rows.len() - 1
    });
    &mut rows[at]
}
