//! The timeline of a report that is built from observed calls.

use crate::report::builder::calls::SegmentFigures;
use crate::report::builder::context::{Context, Contexts};
use crate::report::{Pass, Sample};

/// Most samples that are kept; a full timeline is thinned out.
const SAMPLES: usize = 2048;
/// Segments with a lower peak explain no sample, in bytes.
const LARGE: u64 = 1 << 20;

#[derive(Clone, Debug, Default)]
pub(super) struct Timeline {
    samples: Vec<Sample>,
    /// Least time between two samples, in µs.
    interval_us: u64,
    /// The segment with the highest peak of those that ended since the last sample.
    largest: Option<(Context, Pass)>,
    closed: bool,
}

impl Timeline {
    /// Takes no more samples, and has none.
    pub fn close(&mut self) {
        *self = Timeline { closed: true, ..Timeline::default() };
    }

    /// Records a segment that has ended.
    pub fn end(
        &mut self,
        contexts: &Contexts,
        context: Context,
        (from, label): (&'static str, &'static str),
        figures: &SegmentFigures,
    ) {
        let SegmentFigures { allocated, freed, peak, .. } = *figures;
        if peak < LARGE || self.closed {
            return;
        }
        // A nested call that has half of the peak explains it better than the call around it.
        let is_better = self.largest.is_none_or(|(other, pass)| {
            peak / 2 > pass.peak || peak > pass.peak && !contexts.is_around(context, other)
        });
        if is_better {
            let function = contexts.function(context);
            let net = allocated.wrapping_sub(freed) as i64;
            self.largest = Some((context, Pass { function, from, label, net, peak }));
        }
    }

    pub fn add(
        &mut self,
        uptime_us: u64,
        (rss, allocated): (Option<u64>, Option<u64>),
        (function, label): (&'static str, &'static str),
    ) {
        let is_due = self
            .samples
            .last()
            .is_none_or(|last| uptime_us >= last.uptime_us.saturating_add(self.interval_us));
        if self.closed || !is_due {
            return;
        }
        if self.samples.len() >= SAMPLES {
            self.thin_out();
        }
        let largest = self.largest.take().map(|(_, pass)| pass);
        self.samples.push(Sample { uptime_us, rss, allocated, function, label, largest });
    }

    fn thin_out(&mut self) {
        let first = self.samples.first().map_or(0, |sample| sample.uptime_us);
        let last = self.samples.last().map_or(0, |sample| sample.uptime_us);
        self.interval_us = last.saturating_sub(first) / (SAMPLES as u64 / 2) + 1;
        let mut kept: Vec<Sample> = Vec::with_capacity(SAMPLES);
        let mut passed: Option<Pass> = None;
        for sample in self.samples.drain(..) {
            let largest = [passed, sample.largest].into_iter().flatten();
            let largest = largest.max_by_key(|pass| pass.peak);
            let is_due = kept.last().is_none_or(|last| {
                sample.uptime_us >= last.uptime_us.saturating_add(self.interval_us)
            });
            if is_due {
                kept.push(Sample { largest, ..sample });
                passed = None;
            } else {
                passed = largest;
            }
        }
        self.samples = kept;
    }

    pub fn samples(&self) -> Vec<Sample> {
        self.samples.clone()
    }
}
