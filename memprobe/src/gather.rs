//! Puts the totals of all segments together into a report.

use std::cmp::Reverse;
use std::ptr;

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
    for function in &mut functions {
        function.segments.sort_by_key(|segment| Reverse(segment.figures.level));
    }
    functions.sort_by_key(|function| Reverse(function.calls.level));
    Report { functions }
}

/// Starts all totals anew. A call that is running then counts from its next point on.
pub fn reset() {
    totals::reset();
}

impl Function {
    fn new(name: &'static str) -> Function {
        Function {
            name,
            outcomes: Outcomes::default(),
            calls: Figures::default(),
            segments: Vec::new(),
        }
    }

    fn add(&mut self, site: &'static Site, segment: &'static Segment, sums: &Sums) {
        let is_call = segment.whole || ptr::eq(segment.from, site.start());
        for (outcome, count) in [
            (Outcome::Returned, &mut self.outcomes.returned),
            (Outcome::Panicked, &mut self.outcomes.panicked),
            (Outcome::Cancelled, &mut self.outcomes.cancelled),
        ] {
            let ends = segment.ends(site.end(outcome)) || segment.ends(site.whole(outcome));
            if is_call && ends {
                *count += sums.hits;
                self.calls.add(segment, sums);
            }
        }
        if segment.whole {
            return;
        }
        let is_direct = is_call && Outcome::ALL.iter().any(|&o| segment.ends(site.end(o)));
        if !is_direct {
            self.calls.self_allocated += sums.own.allocated;
            self.calls.self_freed += sums.own.freed;
        }
        let same = |other: &SegmentTotals| {
            (other.from, other.label) == (segment.from.after, segment.label)
        };
        let at = self.segments.iter().position(same).unwrap_or_else(|| {
            self.segments.push(SegmentTotals {
                from: segment.from.after,
                label: segment.label,
                figures: Figures::default(),
            });
            self.segments.len() - 1
        });
        self.segments[at].figures.add(segment, sums);
    }
}

impl Figures {
    fn add(&mut self, segment: &Segment, sums: &Sums) {
        self.count += sums.hits;
        self.allocated = self.allocated.wrapping_add(sums.bytes.allocated);
        self.freed = self.freed.wrapping_add(sums.bytes.freed);
        self.self_allocated = self.self_allocated.wrapping_add(sums.own.allocated);
        self.self_freed = self.self_freed.wrapping_add(sums.own.freed);
        self.peak = self.peak.max(sums.peak);
        self.level = self.level.max(sums.level);
        self.peaks.add(sums.hits, sums.peak, &segment.totals.distribution(|both| &both.peak));
        self.allocations.add(
            sums.hits,
            sums.bytes.allocated,
            &segment.totals.distribution(|both| &both.allocated),
        );
    }
}
