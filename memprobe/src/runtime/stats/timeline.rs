//! The process over time: its RSS and its allocated bytes at points of calls, and which segment may
//! have raised them.

use std::ptr;

use crate::report::{Pass, Sample};
use crate::runtime::readings::bytes::Bytes;
use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::readings::{clock, fork, heap_stats, limit, proc, resident};
use crate::runtime::stats::call_tree::Segment;
#[cfg(feature = "live")]
use crate::runtime::stats::live;
use crate::runtime::sync::Mutex;
use crate::runtime::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Maximum number of samples: as many as a chart has room for.
const SAMPLES: usize = 512;
/// Interval between two samples while there is room for all, in ns.
const INTERVAL: u64 = 10_000_000;
/// Lowest peak of a large segment, in bytes: one that shows in a chart of the process.
const LARGE: u64 = 1 << 20;

/// When the next sample is due, in ns of the coarse clock.
static DUE: AtomicU64 = AtomicU64::new(0);
static TIMELINE: Mutex<Timeline> = Mutex::new(Timeline::new());
static ENDED: Mutex<Ended> = Mutex::new(Ended::new());

struct Timeline {
    samples: Vec<(Sample, Option<Large>)>,
    /// Doubles when samples are dropped, so that the timeline always goes back to its start.
    interval: u64,
}

impl Timeline {
    const fn new() -> Timeline {
        Timeline { samples: Vec::new(), interval: INTERVAL }
    }

    /// Adds a sample. If there is no room, every other sample is dropped first, and its largest
    /// segment moves to the next sample.
    fn add(&mut self, sample: Sample, mut largest: Option<Large>) {
        if self.samples.len() >= SAMPLES {
            let (mut at, mut left) = (0, None);
            self.samples.retain_mut(|(_, largest)| {
                *largest = larger(left.take(), *largest);
                at += 1;
                let stays = at % 2 == 1;
                left = largest.filter(|_| !stays);
                stays
            });
            largest = larger(left, largest);
            self.interval *= 2;
        }
        self.samples.push((sample, largest));
    }

    fn samples(&self) -> impl Iterator<Item = Sample> {
        let passes = |&(sample, largest): &(Sample, Option<Large>)| Sample {
            largest: largest.map(Large::pass),
            ..sample
        };
        self.samples.iter().map(passes)
    }
}

/// One call's pass through a large segment.
#[derive(Clone, Copy)]
struct Large {
    segment: &'static Segment,
    net: i64,
    peak: u64,
}

impl Large {
    fn pass(self) -> Pass {
        let Segment { from, label, .. } = self.segment;
        let function = from.node.site.name();
        Pass { function, from: from.after, label, net: self.net, peak: self.peak }
    }

    /// Whether the segment is one of a call nested in that of `other`, and reached half of its peak
    /// or more.
    fn is_most_of(&self, other: &Large) -> bool {
        let around = std::iter::successors(self.segment.from.node.caller, |node| node.caller);
        let is_nested = || around.into_iter().any(|node| ptr::eq(node, other.segment.from.node));
        self.peak >= other.peak / 2 && is_nested()
    }
}

/// Returns the larger of two, or the nested one if it is most of the other.
fn larger(one: Option<Large>, other: Option<Large>) -> Option<Large> {
    let (Some(first), Some(second)) = (one, other) else { return one.or(other) };
    let is_second = if second.peak > first.peak {
        !first.is_most_of(&second)
    } else {
        second.is_most_of(&first)
    };
    Some(if is_second { second } else { first })
}

/// The large segments that have ended.
struct Ended {
    /// The largest since the last sample.
    largest: Option<Large>,
    /// The last one that a sample was given.
    told: Option<Large>,
}

impl Ended {
    const fn new() -> Ended {
        Ended { largest: None, told: None }
    }

    fn add(&mut self, large: Large) {
        // A segment around the one given last would report the same bytes again.
        if !self.told.is_some_and(|told| told.is_most_of(&large)) {
            self.largest = larger(self.largest, Some(large));
        }
    }

    fn tell(&mut self) -> Option<Large> {
        let largest = self.largest.take();
        self.told = largest.or(self.told);
        largest
    }
}

/// Records a segment that has ended. A large one is a point at which a sample may be taken, while
/// its pages are still resident.
#[inline]
pub(crate) fn end(segment: &'static Segment, bytes: Bytes, peak: u64) {
    if peak >= LARGE {
        end_large(segment, bytes.net(), peak);
    }
}

#[cold]
#[inline(never)]
fn end_large(segment: &'static Segment, net: i64, peak: u64) {
    if segment.whole {
        return;
    }
    let large = Large { segment, net, peak };
    // Does not wait: of two segments that end at the same time one may be left out.
    if let Some(mut ended) = ENDED.try_lock() {
        ended.add(large);
    }
    let Segment { from, label, .. } = large.segment;
    pass(clock::coarse(), || (from.node.site.name(), label));
}

/// Takes a sample if one is due. `point` returns the function and the label of the call's point.
#[inline]
pub(crate) fn pass(now: u64, point: impl FnOnce() -> (&'static str, &'static str)) {
    if now >= DUE.load(Relaxed) {
        let (function, label) = point();
        sample(now, function, label);
    }
}

#[cold]
fn sample(now: u64, function: &'static str, label: &'static str) {
    let _ignored = IgnoreAllocs::begin();
    // If the lock is taken, the sample is left to the other thread.
    let Some(mut timeline) = TIMELINE.try_lock() else { return };
    if now < DUE.load(Relaxed) {
        return;
    }
    let largest = ENDED.try_lock().and_then(|mut ended| ended.tell());
    let fine = clock::fine();
    // The highest usage of a cgroup is known only from readings of it, so one is taken here.
    let _ = limit::standing(fine);
    let sample = Sample {
        uptime_us: proc::uptime_us(fine),
        rss: resident::rss(),
        allocated: heap_stats::within_budget(fine).map(|heap| heap.allocated),
        function,
        label,
        largest: None,
    };
    #[cfg(feature = "live")]
    live::history::sample(now, sample.uptime_us);
    timeline.add(sample, largest);
    DUE.store(now + timeline.interval, Relaxed);
}

/// Returns the samples up to now, the oldest first.
pub(crate) fn samples() -> Vec<Sample> {
    fork::lock(&TIMELINE).map_or_else(Vec::new, |timeline| timeline.samples().collect())
}

pub(crate) fn reset() {
    if let Some(mut timeline) = fork::lock(&TIMELINE) {
        *timeline = Timeline::new();
    }
    if let Some(mut ended) = fork::lock(&ENDED) {
        *ended = Ended::new();
    }
    DUE.store(0, Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls `inner` and passes two segments.
    #[memprobe::memprobe(name = "outer")]
    fn outer() {
        inner();
        memprobe::probe!("called");
    }

    #[memprobe::memprobe(name = "inner")]
    fn inner() {}

    fn large(function: &str, label: &str, peak: u64) -> Large {
        outer();
        let is = |segment: &&Segment| {
            segment.from.node.site.name() == function && segment.label == label && !segment.whole
        };
        let segment = crate::runtime::stats::call_tree::all().find(is).expect("it has ended");
        Large { segment, net: 0, peak }
    }

    #[test]
    fn a_full_timeline_is_thinned_out_and_keeps_its_start_and_what_ended() {
        let mut timeline = Timeline::new();
        let sample = |uptime_us| Sample {
            uptime_us,
            rss: None,
            allocated: None,
            function: "f",
            label: "entry",
            largest: None,
        };
        let inner = large("inner", "return", 0);
        for at in 0..10_000 {
            timeline.add(sample(at), (at % 1000 == 77).then_some(Large { peak: at, ..inner }));
        }
        assert!((SAMPLES / 2..=SAMPLES).contains(&timeline.samples.len()));
        let samples: Vec<Sample> = timeline.samples().collect();
        assert_eq!(samples[0].uptime_us, 0);
        assert!(samples.is_sorted_by_key(|sample| sample.uptime_us));
        assert!(timeline.interval > INTERVAL);
        for end in (77..10_000).step_by(1000) {
            let next = samples.iter().find(|sample| sample.uptime_us >= end).expect("a later one");
            // Or the pass of a larger one that ended before the same sample.
            assert!(next.largest.is_some_and(|pass| pass.peak >= end), "{end}: {next:?}");
        }
    }

    #[test]
    fn a_nested_segment_stands_for_the_one_around_it_if_it_is_most_of_it() {
        let inner = large("inner", "return", 10);
        let of = |outer: Large| {
            let found = [larger(Some(inner), Some(outer)), larger(Some(outer), Some(inner))];
            let [first, second] = found.map(|large| large.expect("one of two").pass());
            assert_eq!(first, second, "in either order");
            first.function
        };
        assert_eq!(of(large("outer", "called", 10)), "inner");
        assert_eq!(of(large("outer", "called", 21)), "inner");
        assert_eq!(of(large("outer", "called", 22)), "outer");
        assert_eq!(of(large("outer", "called", 9)), "inner");
    }

    #[test]
    fn what_ends_around_a_call_that_was_told_of_is_not_told_again() {
        let mut ended = Ended::new();
        ended.add(large("inner", "return", 10));
        assert_eq!(ended.tell().map(|told| told.peak), Some(10));
        ended.add(large("outer", "called", 12));
        assert!(ended.tell().is_none());
        ended.add(large("inner", "return", 10));
        assert_eq!(ended.tell().map(|told| told.pass().function), Some("inner"), "another call");
        ended.add(large("outer", "called", 30));
        assert_eq!(ended.tell().map(|told| told.pass().function), Some("outer"), "much of its own");
    }
}
