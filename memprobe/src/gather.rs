//! Puts the totals of all segments together into a report.

use std::cmp::Reverse;
use std::ptr;

use crate::distribution::BUCKETS;
use crate::histogram::Distributions;
use crate::jemalloc;
use crate::report::{Figures, Function, Outcomes, Report, SegmentTotals};
use crate::segment::{self, Segment};
use crate::site::{Outcome, Site};
use crate::totals::{self, Sums};
use crate::tree::Kind;

/// The totals up to now. Calls that still run are in the segments that they have finished.
///
/// ```
/// println!("{}", memprobe::report());
/// ```
pub fn report() -> Report {
    let mut functions: Vec<(&'static Site, Function)> = Vec::new();
    let mut counted = Counted::default();
    for segment in segment::all() {
        let sums = segment.totals.sums();
        if sums.hits == 0 {
            continue;
        }
        let site = segment.from.node.site;
        let at =
            functions.iter().position(|(other, _)| ptr::eq(*other, site)).unwrap_or_else(|| {
                functions.push((site, Function::new(site.name())));
                functions.len() - 1
            });
        functions[at].1.add(segment, &sums, &mut counted);
    }
    let mut functions: Vec<Function> =
        functions.into_iter().map(|(_, function)| function).collect();
    let level = |figures: &Option<Figures>| Reverse(figures.as_ref().map(|figures| figures.level));
    for function in &mut functions {
        function.segments.sort_by_key(|segment| level(&segment.figures));
    }
    functions.sort_by_key(|function| level(&function.figures));
    Report { functions }
}

/// Starts all totals anew. A call that is running then counts from its next point on.
pub fn reset() {
    totals::reset();
}

fn figures() -> Option<Figures> {
    jemalloc::is_global().then(Figures::default)
}

impl Function {
    fn new(name: &'static str) -> Function {
        let outcomes = Outcomes::default();
        Function { name, outcomes, figures: figures(), segments: Vec::new() }
    }

    /// `counted` has the distributions that are in already: calling contexts share them.
    fn add(&mut self, segment: &'static Segment, sums: &Sums, counted: &mut Counted) {
        let node = segment.from.node;
        let site = node.site;
        let outcomes = [
            (Outcome::Returned, &mut self.outcomes.returned),
            (Outcome::Panicked, &mut self.outcomes.panicked),
            (Outcome::Cancelled, &mut self.outcomes.cancelled),
        ];
        let starts = segment.whole || ptr::eq(segment.from, node.start());
        let ended = outcomes.into_iter().find(|(outcome, _)| {
            starts && (segment.ends(site.end(*outcome)) || segment.ends(site.whole(*outcome)))
        });
        let is_call = ended.is_some();
        if let Some((_, count)) = ended {
            *count += sums.hits;
        }
        let counts = counted.take(segment);
        if let Some(figures) = &mut self.figures {
            if is_call {
                figures.add(segment, sums);
                figures.distribute(sums, counts.as_ref());
            }
            if !segment.whole {
                figures.self_allocated += sums.own.allocated;
                figures.self_freed += sums.own.freed;
            }
        }
        if !segment.whole {
            let row = self.segment(segment);
            row.count += sums.hits;
            if let Some(figures) = &mut row.figures {
                figures.add(segment, sums);
                figures.distribute(sums, counts.as_ref());
                figures.self_allocated += sums.own.allocated;
                figures.self_freed += sums.own.freed;
            }
        }
    }

    /// The row of a segment: those of several places with the same labels share one.
    fn segment(&mut self, segment: &Segment) -> &mut SegmentTotals {
        let (from, label) = (segment.from.after, segment.label);
        let same = |other: &SegmentTotals| (other.from, other.label) == (from, label);
        let at = self.segments.iter().position(same).unwrap_or_else(|| {
            self.segments.push(SegmentTotals { from, label, count: 0, figures: figures() });
            self.segments.len() - 1
        });
        &mut self.segments[at]
    }
}

/// Peaks and allocated bytes of single calls, by bucket.
type Counts = ([u64; BUCKETS], [u64; BUCKETS]);

#[derive(Default)]
struct Counted(Vec<*const Distributions>);

impl Counted {
    /// The counts of a segment's distributions, the first time that they are asked for.
    fn take(&mut self, segment: &Segment) -> Option<Counts> {
        let distributions = ptr::from_ref(segment.distributions);
        if self.0.contains(&distributions) {
            return None;
        }
        self.0.push(distributions);
        let counts = |of| segment.distributions.counts(of);
        Some((counts(|both| &both.peak), counts(|both| &both.allocated)))
    }
}

impl Figures {
    /// All but `self`: whole calls do not know it, their segments do.
    fn add(&mut self, segment: &Segment, sums: &Sums) {
        // What a recursion does is in the figures of its outermost call.
        if !matches!(segment.from.node.kind, Kind::Recursive(_)) {
            self.allocated = self.allocated.wrapping_add(sums.bytes.allocated);
            self.freed = self.freed.wrapping_add(sums.bytes.freed);
        }
        self.peak = self.peak.max(sums.peak);
        let is_segment = !segment.whole && !ptr::eq(segment.from, segment.from.node.start());
        self.level = self.level.max(sums.peak).max(if is_segment { sums.mark } else { 0 });
    }

    fn distribute(&mut self, sums: &Sums, counts: Option<&Counts>) {
        const NONE: Counts = ([0; BUCKETS], [0; BUCKETS]);
        let (peaks, allocations) = counts.unwrap_or(&NONE);
        self.peaks.add(sums.hits, sums.peak, peaks);
        self.allocations.add(sums.hits, sums.bytes.allocated, allocations);
    }
}
