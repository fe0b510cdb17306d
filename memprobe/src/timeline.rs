//! The process over time: its RSS and what it has allocated, at points of calls.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use crate::meter::Quiet;
use crate::report::Sample;
use crate::{clock, event, limit, proc};

/// Samples that are kept: as many as a picture has room for.
const SAMPLES: usize = 512;
/// ns between two samples, while there is room for all.
const INTERVAL: u64 = 10_000_000;

/// When the next sample is due, by the coarse clock in ns.
static DUE: AtomicU64 = AtomicU64::new(0);
static TIMELINE: Mutex<Timeline> = Mutex::new(Timeline::new());

struct Timeline {
    samples: Vec<Sample>,
    /// Grows as the program does: the timeline always goes back to its start.
    interval: u64,
}

impl Timeline {
    const fn new() -> Timeline {
        Timeline { samples: Vec::new(), interval: INTERVAL }
    }

    /// Thins the samples out by half once there is no room for another.
    fn add(&mut self, sample: Sample) {
        if self.samples.len() >= SAMPLES {
            let mut at = 0;
            self.samples.retain(|_| {
                at += 1;
                at % 2 == 1
            });
            self.interval *= 2;
        }
        self.samples.push(sample);
    }
}

/// Takes a sample if one is due, at a point of a call: in a function, at a label.
#[inline]
pub(crate) fn pass(now: u64, point: impl FnOnce() -> (&'static str, &'static str)) {
    if now >= DUE.load(Relaxed) {
        let (function, label) = point();
        sample(now, function, label);
    }
}

#[cold]
fn sample(now: u64, function: &'static str, label: &'static str) {
    let _quiet = Quiet::begin();
    // Whoever finds it taken leaves the sample to the other.
    let Ok(mut timeline) = TIMELINE.try_lock() else { return };
    if now < DUE.load(Relaxed) {
        return;
    }
    let fine = clock::fine();
    // What a cgroup has at most is known from what is read of it.
    let _ = limit::standing(fine);
    timeline.add(Sample {
        uptime_us: proc::uptime_us(fine),
        rss: proc::rss(),
        allocated: event::heap_within_budget(fine).map(|heap| heap.allocated),
        function,
        label,
    });
    DUE.store(now + timeline.interval, Relaxed);
}

/// The samples up to now, the oldest first.
pub(crate) fn samples() -> Vec<Sample> {
    TIMELINE.lock().unwrap_or_else(PoisonError::into_inner).samples.clone()
}

pub(crate) fn reset() {
    let _quiet = Quiet::begin();
    *TIMELINE.lock().unwrap_or_else(PoisonError::into_inner) = Timeline::new();
    DUE.store(0, Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_timeline_is_thinned_out_and_keeps_its_start() {
        let mut timeline = Timeline::new();
        let sample = |uptime_us| Sample {
            uptime_us,
            rss: None,
            allocated: None,
            function: "f",
            label: "entry",
        };
        for at in 0..10_000 {
            timeline.add(sample(at));
        }
        assert!((SAMPLES / 2..=SAMPLES).contains(&timeline.samples.len()));
        assert_eq!(timeline.samples[0].uptime_us, 0);
        assert!(timeline.samples.is_sorted_by_key(|sample| sample.uptime_us));
        assert!(timeline.interval > INTERVAL);
    }
}
