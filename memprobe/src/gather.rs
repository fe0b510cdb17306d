//! Puts the totals of all segments together into a report.

use std::cmp::Reverse;
use std::ptr;

use crate::jemalloc;
use crate::report::{Figures, Function, Outcomes, Report, SegmentTotals};
use crate::site::{self, Outcome, Segment, Site};
use crate::totals::{self, Sums};

/// The totals up to now. Calls that still run are in the segments that they have finished.
///
/// ```
/// println!("{}", memprobe::report());
/// ```
pub fn report() -> Report {
    let mut functions: Vec<(&'static Site, Function)> = Vec::new();
    for segment in site::segments() {
        let sums = segment.totals.sums();
        if sums.hits == 0 {
            continue;
        }
        let site = segment.from.site;
        let at =
            functions.iter().position(|(other, _)| ptr::eq(*other, site)).unwrap_or_else(|| {
                functions.push((site, Function::new(site.name())));
                functions.len() - 1
            });
        functions[at].1.add(site, segment, &sums);
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
    for segment in site::segments() {
        segment.totals.reset_carried();
    }
}

fn figures() -> Option<Figures> {
    jemalloc::is_global().then(Figures::default)
}

impl Function {
    fn new(name: &'static str) -> Function {
        let outcomes = Outcomes::default();
        Function { name, outcomes, figures: figures(), segments: Vec::new() }
    }

    fn add(&mut self, site: &'static Site, segment: &'static Segment, sums: &Sums) {
        let outcomes = [
            (Outcome::Returned, &mut self.outcomes.returned),
            (Outcome::Panicked, &mut self.outcomes.panicked),
            (Outcome::Cancelled, &mut self.outcomes.cancelled),
        ];
        let starts = segment.whole || ptr::eq(segment.from, site.start());
        let ended = outcomes.into_iter().find(|(outcome, _)| {
            starts && (segment.ends(site.end(*outcome)) || segment.ends(site.whole(*outcome)))
        });
        let is_call = ended.is_some();
        if let Some((_, count)) = ended {
            *count += sums.hits;
        }
        if let Some(figures) = &mut self.figures {
            if is_call {
                figures.add(segment, sums);
            }
            if !segment.whole {
                figures.self_allocated += sums.own.allocated;
                figures.self_freed += sums.own.freed;
            }
        }
        if !segment.whole {
            self.segment(segment).add(segment, sums);
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

impl SegmentTotals {
    fn add(&mut self, segment: &Segment, sums: &Sums) {
        self.count += sums.hits;
        if let Some(figures) = &mut self.figures {
            figures.add(segment, sums);
            figures.self_allocated += sums.own.allocated;
            figures.self_freed += sums.own.freed;
        }
    }
}

impl Figures {
    /// All but `self`: whole calls do not know it, their segments do.
    fn add(&mut self, segment: &Segment, sums: &Sums) {
        self.allocated = self.allocated.wrapping_add(sums.bytes.allocated);
        self.freed = self.freed.wrapping_add(sums.bytes.freed);
        self.peak = self.peak.max(sums.peak);
        self.level = self.level.max(sums.level);
        let totals = &segment.totals;
        self.peaks.add(sums.hits, sums.peak, &totals.peaks());
        self.allocations.add(sums.hits, sums.bytes.allocated, &totals.allocations());
    }
}
