//! The totals of a segment.
//!
//! The hot path has no shared writes: a thread leases one of a few slots and is the only one
//! to write there. What a thread leaves behind stays in its slot for the next to add to.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{
    AtomicU32, AtomicU64, Ordering::AcqRel, Ordering::Relaxed, Ordering::Release,
};

use crate::bytes::Bytes;
use crate::distribution::{BUCKETS, bucket};
use crate::meter::Quiet;

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

/// What all calls did in one segment.
pub(crate) struct Totals {
    cells: [Cells; SLOTS],
    histograms: [OnceLock<Box<Histograms>>; SHARDS],
}

impl Totals {
    pub const fn new() -> Totals {
        Totals {
            cells: [const { Cells::new() }; SLOTS],
            histograms: [const { OnceLock::new() }; SHARDS],
        }
    }

    /// Adds what one call did.
    #[inline]
    pub fn add(&self, hit: &Hit) {
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
    pub fn sums(&self) -> Sums {
        let generation = GENERATION.load(Relaxed);
        let mut sums = Sums::default();
        for cells in self.cells.iter().filter(|cells| cells.generation.load(Relaxed) == generation)
        {
            let [hits, allocated, freed, own_allocated, own_freed, peak, level] =
                cells.all().map(|cell| cell.load(Relaxed));
            sums.hits += hits;
            sums.bytes = sums.bytes.plus(Bytes { allocated, freed });
            sums.own = sums.own.plus(Bytes { allocated: own_allocated, freed: own_freed });
            sums.peak = sums.peak.max(peak);
            sums.level = sums.level.max(level);
        }
        sums
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
pub(crate) struct Sums {
    pub hits: u64,
    pub bytes: Bytes,
    pub own: Bytes,
    pub peak: u64,
    pub level: u64,
}

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
