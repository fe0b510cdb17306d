//! What stands in the program for good: the static of each function and of each probe, and
//! the totals of each segment between two points.
//!
//! The hot path has no shared writes: a thread leases one of a few slots and is the only one
//! to write there. What a thread leaves behind stays in its slot for the next to add to.

use std::cell::Cell;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{
    AtomicBool, AtomicU32, AtomicU64, Ordering::AcqRel, Ordering::Relaxed, Ordering::Release,
};

use crate::event::{Bucket, Callsite};
use crate::jemalloc::Bytes;
use crate::meter::Quiet;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Returned,
    Panicked,
    Cancelled,
}

impl Outcome {
    pub const ALL: [Outcome; 3] = [Outcome::Returned, Outcome::Panicked, Outcome::Cancelled];

    pub fn name(self) -> &'static str {
        ["returned", "panicked", "cancelled"][self as usize]
    }
}

/// The static of an annotated function.
pub struct Site {
    name: Option<&'static str>,
    /// Gives the path of the function, by the type name of an item in its body.
    path: fn() -> &'static str,
    /// Calls written a second; 0 is no limit.
    pub(crate) rate: u32,
    pub(crate) bucket: Bucket,
    pub(crate) entry: &'static Callsite,
    pub(crate) exit: &'static Callsite,
    start: OnceLock<Stage>,
    ends: [Point; 3],
    /// Whole calls that had a probe; without one the only segment is the whole call.
    wholes: [Point; 3],
    /// A call has finished.
    pub(crate) warm: AtomicBool,
}

impl Site {
    #[doc(hidden)]
    pub const fn new(
        name: Option<&'static str>,
        path: fn() -> &'static str,
        rate: u32,
        entry: &'static Callsite,
        exit: &'static Callsite,
    ) -> Site {
        Site {
            name,
            path,
            rate,
            bucket: Bucket::new(),
            entry,
            exit,
            start: OnceLock::new(),
            ends: Point::ends(),
            wholes: Point::ends(),
            warm: AtomicBool::new(false),
        }
    }

    /// The name that the user gave, or the path of the function.
    pub(crate) fn name(&self) -> &'static str {
        self.name.unwrap_or_else(|| path_of((self.path)()))
    }

    pub(crate) fn end(&'static self, outcome: Outcome) -> &'static Point {
        &self.ends[outcome as usize]
    }

    pub(crate) fn whole(&'static self, outcome: Outcome) -> &'static Point {
        &self.wholes[outcome as usize]
    }

    /// Where every call of this function starts.
    #[inline]
    pub(crate) fn start(&'static self) -> &'static Stage {
        self.start.get_or_init(|| Stage { site: self, after: "entry" })
    }
}

/// The path of a function, from that of an item in the initializer of a static in its body:
/// without the item, the static and the closures between.
pub(crate) fn path_of(item: &'static str) -> &'static str {
    let outer = |path: &'static str| path.rsplit_once("::").map_or(path, |(outer, _)| outer);
    let mut path = outer(outer(item));
    while let Some(outside) = path.strip_suffix("::{{closure}}") {
        path = outside;
    }
    path
}

/// Somewhere in a call: in a function, after a label.
#[derive(Debug)]
pub(crate) struct Stage {
    pub site: &'static Site,
    pub after: &'static str,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").field("name", &self.name()).finish_non_exhaustive()
    }
}

/// Where segments end: a probe, or an end of a function.
pub(crate) struct Point {
    label: &'static str,
    /// The segments that end here, each linked to the next.
    first: OnceLock<&'static Segment>,
}

/// From one point of a function to the next, with its totals.
pub(crate) struct Segment {
    pub from: &'static Stage,
    pub label: &'static str,
    at: &'static Point,
    /// Where the call is once the segment has ended; one for each point and function.
    pub to: &'static Stage,
    /// Stands for whole calls that had a probe, and not for a segment of one.
    pub whole: bool,
    cells: [Cells; SLOTS],
    histograms: [OnceLock<Box<Histograms>>; SHARDS],
    /// The next of those that end at the same point, and of all.
    next_here: OnceLock<&'static Segment>,
    next: OnceLock<&'static Segment>,
}

static FIRST: OnceLock<&'static Segment> = OnceLock::new();

impl Point {
    pub const fn new(label: &'static str) -> Point {
        Point { label, first: OnceLock::new() }
    }

    const fn ends() -> [Point; 3] {
        [Point::new("return"), Point::new("panic"), Point::new("cancel")]
    }

    pub fn label(&self) -> &'static str {
        self.label
    }

    /// The segment that ends here when the call was at `from`.
    #[inline]
    pub fn segment(&'static self, from: &'static Stage) -> &'static Segment {
        let mut place = &self.first;
        while let Some(segment) = place.get() {
            if ptr::eq(segment.from, from) {
                return segment;
            }
            place = &segment.next_here;
        }
        self.add(from)
    }

    #[cold]
    fn add(&'static self, from: &'static Stage) -> &'static Segment {
        let _quiet = Quiet::begin();
        let here = std::iter::successors(self.first.get(), |segment| segment.next_here.get());
        let to = here
            .map(|segment| segment.to)
            .find(|stage| ptr::eq(stage.site, from.site))
            .unwrap_or_else(|| Box::leak(Box::new(Stage { site: from.site, after: self.label })));
        let ours: &'static Segment = Box::leak(Box::new(Segment {
            from,
            label: self.label,
            at: self,
            to,
            whole: from.site.wholes.iter().any(|whole| ptr::eq(whole, self)),
            cells: [const { Cells::new() }; SLOTS],
            histograms: [const { OnceLock::new() }; SHARDS],
            next_here: OnceLock::new(),
            next: OnceLock::new(),
        }));
        // Two threads may race for the same segment: the loser's stays unused.
        let segment = append(&self.first, ours, |s| &s.next_here, |s| ptr::eq(s.from, from));
        if ptr::eq(segment, ours) {
            append(&FIRST, ours, |segment| &segment.next, |_| false);
        }
        segment
    }
}

/// Hangs `ours` on the end of a list, unless one that will do stands in it by then.
fn append(
    first: &'static OnceLock<&'static Segment>,
    ours: &'static Segment,
    next: fn(&'static Segment) -> &'static OnceLock<&'static Segment>,
    will_do: impl Fn(&'static Segment) -> bool,
) -> &'static Segment {
    let mut place = first;
    loop {
        let here = *place.get_or_init(|| ours);
        if ptr::eq(here, ours) || will_do(here) {
            return here;
        }
        place = next(here);
    }
}

/// Every segment that any call has finished.
pub(crate) fn segments() -> impl Iterator<Item = &'static Segment> {
    std::iter::successors(FIRST.get().copied(), |segment| segment.next.get().copied())
}

// --- totals -----------------------------------------------------------------------------

/// Threads that have a slot of their own; the last slot is shared by all others.
const SLOTS: usize = 32;
const SHARED: u32 = SLOTS as u32 - 1;
/// Histograms of a segment: those of the first slots are their own, the last is shared.
const SHARDS: usize = 4;

static TAKEN: AtomicU32 = AtomicU32::new(0);
static GENERATION: AtomicU32 = AtomicU32::new(1);

thread_local! {
    static SLOT: Cell<u32> = const { Cell::new(u32::MAX) };
    static LEASE: Lease = const { Lease };
}

/// Gives the slot of its thread back.
struct Lease;

impl Drop for Lease {
    fn drop(&mut self) {
        let slot = SLOT.replace(SHARED);
        if slot < SHARED {
            TAKEN.fetch_and(!(1 << slot), Release);
        }
    }
}

#[inline]
fn slot() -> u32 {
    match SLOT.get() {
        u32::MAX => lease(),
        slot => slot,
    }
}

#[cold]
fn lease() -> u32 {
    let _quiet = Quiet::begin();
    // Where the thread is past its destructors it could not give a slot back.
    let slot = LEASE.try_with(|_| take_slot()).unwrap_or(SHARED);
    SLOT.set(slot);
    slot
}

fn take_slot() -> u32 {
    let mut taken = TAKEN.load(Relaxed);
    loop {
        let free = taken.trailing_ones();
        if free >= SHARED {
            return SHARED;
        }
        match TAKEN.compare_exchange(taken, taken | 1 << free, AcqRel, Relaxed) {
            Ok(_) => return free,
            Err(now) => taken = now,
        }
    }
}

/// Totals of one segment in one slot; a cache line.
#[repr(align(64))]
struct Cells {
    generation: AtomicU32,
    hits: AtomicU64,
    allocated: AtomicU64,
    freed: AtomicU64,
    self_allocated: AtomicU64,
    self_freed: AtomicU64,
    peak: AtomicU64,
    level: AtomicU64,
}

/// What one segment of one call did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit {
    pub bytes: Bytes,
    pub own: Bytes,
    /// Highest net above the segment's start.
    pub peak: u64,
    /// Highest net above the call's start.
    pub level: u64,
}

impl Cells {
    const fn new() -> Cells {
        Cells {
            generation: AtomicU32::new(0),
            hits: AtomicU64::new(0),
            allocated: AtomicU64::new(0),
            freed: AtomicU64::new(0),
            self_allocated: AtomicU64::new(0),
            self_freed: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            level: AtomicU64::new(0),
        }
    }

    fn all(&self) -> [&AtomicU64; 7] {
        [
            &self.hits,
            &self.allocated,
            &self.freed,
            &self.self_allocated,
            &self.self_freed,
            &self.peak,
            &self.level,
        ]
    }

    fn renew(&self) {
        let generation = GENERATION.load(Relaxed);
        if self.generation.load(Relaxed) != generation {
            for cell in self.all() {
                cell.store(0, Relaxed);
            }
            self.generation.store(generation, Relaxed);
        }
    }
}

impl Segment {
    /// Whether this is one of the segments that end at `point`.
    pub fn ends(&self, point: &'static Point) -> bool {
        ptr::eq(self.at, point)
    }

    /// Adds what one call did.
    #[inline]
    pub fn hit(&self, hit: &Hit) {
        let slot = slot();
        let cells = &self.cells[slot as usize % SLOTS];
        cells.renew();
        let sums = [
            (&cells.hits, 1),
            (&cells.allocated, hit.bytes.allocated),
            (&cells.freed, hit.bytes.freed),
            (&cells.self_allocated, hit.own.allocated),
            (&cells.self_freed, hit.own.freed),
        ];
        if slot == SHARED {
            for (cell, add) in sums {
                cell.fetch_add(add, Relaxed);
            }
            cells.peak.fetch_max(hit.peak, Relaxed);
            cells.level.fetch_max(hit.level, Relaxed);
        } else {
            for (cell, add) in sums {
                cell.store(cell.load(Relaxed).wrapping_add(add), Relaxed);
            }
            if hit.peak > cells.peak.load(Relaxed) {
                cells.peak.store(hit.peak, Relaxed);
            }
            if hit.level > cells.level.load(Relaxed) {
                cells.level.store(hit.level, Relaxed);
            }
        }
        if hit.peak | hit.bytes.allocated != 0 {
            self.distribute(slot, hit);
        }
    }

    fn distribute(&self, slot: u32, hit: &Hit) {
        let shard = (slot as usize).min(SHARDS - 1);
        let histograms = self.histograms[shard].get_or_init(|| {
            let _quiet = Quiet::begin();
            Box::new(Histograms::new())
        });
        histograms.renew();
        let alone = shard < SHARDS - 1;
        histograms.peak.add(hit.peak, alone);
        histograms.allocated.add(hit.bytes.allocated, alone);
    }

    /// The sums over all slots.
    pub fn totals(&self) -> Totals {
        let generation = GENERATION.load(Relaxed);
        let mut totals = Totals::default();
        for cells in self.cells.iter().filter(|cells| cells.generation.load(Relaxed) == generation)
        {
            let [hits, allocated, freed, own_allocated, own_freed, peak, level] =
                cells.all().map(|cell| cell.load(Relaxed));
            totals.hits += hits;
            totals.bytes = totals.bytes.plus(Bytes { allocated, freed });
            totals.own = totals.own.plus(Bytes { allocated: own_allocated, freed: own_freed });
            totals.peak = totals.peak.max(peak);
            totals.level = totals.level.max(level);
        }
        totals
    }

    /// How many hits fell into each bucket.
    pub fn distribution(&self, of: fn(&Histograms) -> &Histogram) -> [u64; BUCKETS] {
        let generation = GENERATION.load(Relaxed);
        let mut counts = [0; BUCKETS];
        for histograms in self.histograms.iter().filter_map(OnceLock::get) {
            if histograms.generation.load(Relaxed) != generation {
                continue;
            }
            for (sum, count) in counts.iter_mut().zip(&of(histograms).counts) {
                *sum += count.load(Relaxed);
            }
        }
        counts
    }
}

/// Everything starts anew from here: cells of an older generation count as empty, and are
/// emptied by the next thread that writes there.
pub(crate) fn reset() {
    GENERATION.fetch_add(1, Relaxed);
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub hits: u64,
    pub bytes: Bytes,
    pub own: Bytes,
    pub peak: u64,
    pub level: u64,
}

/// Log-linear: four buckets for each power of two, so the middle of a bucket is at most
/// 12.5 % off. Values up to 2^48 bytes; higher ones count in the last bucket.
pub(crate) const BUCKETS: usize = 4 + 46 * 4;

pub(crate) struct Histogram {
    counts: [AtomicU64; BUCKETS],
}

pub(crate) struct Histograms {
    generation: AtomicU32,
    pub peak: Histogram,
    pub allocated: Histogram,
}

impl Histograms {
    fn new() -> Histograms {
        let empty = || Histogram { counts: [const { AtomicU64::new(0) }; BUCKETS] };
        Histograms {
            generation: AtomicU32::new(GENERATION.load(Relaxed)),
            peak: empty(),
            allocated: empty(),
        }
    }

    fn renew(&self) {
        let generation = GENERATION.load(Relaxed);
        if self.generation.load(Relaxed) != generation {
            for count in self.peak.counts.iter().chain(&self.allocated.counts) {
                count.store(0, Relaxed);
            }
            self.generation.store(generation, Relaxed);
        }
    }
}

impl Histogram {
    fn add(&self, value: u64, alone: bool) {
        let count = &self.counts[bucket(value)];
        if alone {
            count.store(count.load(Relaxed).wrapping_add(1), Relaxed);
        } else {
            count.fetch_add(1, Relaxed);
        }
    }
}

fn bucket(value: u64) -> usize {
    if value < 4 {
        return value as usize;
    }
    let power = value.ilog2();
    let quarter = (value >> (power - 2)) & 3;
    ((power as usize - 1) * 4 + quarter as usize).min(BUCKETS - 1)
}

/// The middle of a bucket.
pub(crate) fn middle(bucket: usize) -> u64 {
    if bucket < 4 {
        return bucket as u64;
    }
    let power = bucket / 4 + 1;
    let width = 1_u64 << (power - 2);
    (4 + bucket as u64 % 4) * width + width / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_bucket_is_at_most_an_eighth_off() {
        let mut value = 1_u64;
        while value < 1 << 47 {
            for value in [value - 1, value, value + value / 3] {
                let error = middle(bucket(value)).abs_diff(value);
                assert!(error * 8 <= value, "{value} counts as {}", middle(bucket(value)));
            }
            value += value / 7 + 1;
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn the_path_of_a_function_is_what_stands_before_its_marker() {
        assert_eq!(path_of("app::A::new::PROBE::here"), "app::A::new");
        assert_eq!(
            path_of("<app::A as app::T>::run::{{closure}}::PROBE::here"),
            "<app::A as app::T>::run"
        );
    }
}
