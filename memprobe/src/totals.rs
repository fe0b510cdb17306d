//! The totals of a segment.
//!
//! The hot path has no shared writes: a thread leases one of a few slots and is the only one
//! to write there. What a thread leaves behind stays in its slot for the next to add to.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::bytes::Bytes;
use crate::meter::Quiet;
use crate::slot::{SHARED, SLOTS};

static GENERATION: AtomicU32 = AtomicU32::new(1);

/// Changes when everything starts anew.
pub(crate) fn generation() -> u32 {
    GENERATION.load(Relaxed)
}

/// Everything starts anew from here: cells of an older generation count as empty, and are
/// emptied by the next thread that writes there.
pub(crate) fn reset() {
    GENERATION.fetch_add(1, Relaxed);
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
    mark: AtomicU64,
}

/// What one segment of one call did, or one whole call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit {
    pub bytes: Bytes,
    pub own: Bytes,
    /// Highest net above the segment's start.
    pub peak: u64,
    /// The one figure that the other kind does not have: for a segment the highest net above
    /// the call's start (for a call its peak), for a call its peak without nested ones.
    pub mark: u64,
    /// Is a whole call, with a probe or without.
    pub is_call: bool,
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
            mark: AtomicU64::new(0),
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
            &self.mark,
        ]
    }

    #[inline]
    fn renew(&self) {
        let generation = generation();
        if self.generation.load(Relaxed) != generation {
            for cell in self.all() {
                cell.store(0, Relaxed);
            }
            self.generation.store(generation, Relaxed);
        }
    }

    fn net(&self) -> i64 {
        Bytes { allocated: self.allocated.load(Relaxed), freed: self.freed.load(Relaxed) }.net()
    }
}

/// What all calls did in one segment.
pub(crate) struct Totals {
    cells: [Cells; SLOTS],
    /// For whole calls, once a slot has seen a second one.
    halves: OnceLock<Box<[Halves; SLOTS]>>,
}

/// Calls and their net at the last two powers of two, which tell the latter part of the calls
/// from the former.
#[derive(Default)]
struct Halves {
    generation: AtomicU32,
    before: Half,
    last: Half,
}

#[derive(Default)]
struct Half {
    hits: AtomicU64,
    net: AtomicI64,
}

impl Half {
    fn set(&self, (hits, net): (u64, i64)) {
        self.hits.store(hits, Relaxed);
        self.net.store(net, Relaxed);
    }

    fn get(&self) -> (u64, i64) {
        (self.hits.load(Relaxed), self.net.load(Relaxed))
    }
}

impl Totals {
    pub const fn new() -> Totals {
        Totals { cells: [const { Cells::new() }; SLOTS], halves: OnceLock::new() }
    }

    /// Adds what one call did, on the thread with this slot.
    #[inline]
    pub fn add(&self, slot: u32, hit: &Hit) {
        let cells = &self.cells[slot as usize % SLOTS];
        cells.renew();
        let sums = [
            (&cells.allocated, hit.bytes.allocated),
            (&cells.freed, hit.bytes.freed),
            (&cells.self_allocated, hit.own.allocated),
            (&cells.self_freed, hit.own.freed),
        ];
        let hits;
        if slot == SHARED {
            hits = cells.hits.fetch_add(1, Relaxed).wrapping_add(1);
            for (cell, add) in sums {
                cell.fetch_add(add, Relaxed);
            }
            cells.peak.fetch_max(hit.peak, Relaxed);
            cells.mark.fetch_max(hit.mark, Relaxed);
        } else {
            hits = cells.hits.load(Relaxed).wrapping_add(1);
            cells.hits.store(hits, Relaxed);
            for (cell, add) in sums {
                cell.store(cell.load(Relaxed).wrapping_add(add), Relaxed);
            }
            if hit.peak > cells.peak.load(Relaxed) {
                cells.peak.store(hit.peak, Relaxed);
            }
            if hit.mark > cells.mark.load(Relaxed) {
                cells.mark.store(hit.mark, Relaxed);
            }
        }
        if hit.is_call && hits.is_power_of_two() && hits > 1 {
            self.halve(slot, hits);
        }
    }

    #[cold]
    fn halve(&self, slot: u32, hits: u64) {
        let halves = self.halves.get_or_init(|| {
            let _quiet = Quiet::begin();
            Box::new(std::array::from_fn(|_| Halves::default()))
        });
        let halves = &halves[slot as usize % SLOTS];
        let generation = generation();
        let is_old = halves.generation.swap(generation, Relaxed) != generation;
        halves.before.set(if is_old { (0, 0) } else { halves.last.get() });
        halves.last.set((hits, self.cells[slot as usize % SLOTS].net()));
    }

    /// The sums over all slots.
    pub fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        for (slot, cells) in self.cells.iter().enumerate() {
            if cells.generation.load(Relaxed) != generation() {
                continue;
            }
            let [hits, allocated, freed, own_allocated, own_freed, peak, mark] =
                cells.all().map(|cell| cell.load(Relaxed));
            sums.hits += hits;
            sums.bytes = sums.bytes.plus(Bytes { allocated, freed });
            sums.own = sums.own.plus(Bytes { allocated: own_allocated, freed: own_freed });
            sums.peak = sums.peak.max(peak);
            sums.mark = sums.mark.max(mark);
            let halves = self.halves.get().map(|halves| &halves[slot]);
            if let Some(halves) = halves.filter(|h| h.generation.load(Relaxed) == generation()) {
                let (hits_before, net_before) = halves.before.get();
                if hits_before > 0 {
                    sums.later_hits += hits.saturating_sub(hits_before);
                    sums.later_net += cells.net().wrapping_sub(net_before);
                }
            }
        }
        sums
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    pub hits: u64,
    pub bytes: Bytes,
    pub own: Bytes,
    pub peak: u64,
    pub mark: u64,
    /// Of each thread's calls the latter ones: half of them or more.
    pub later_hits: u64,
    pub later_net: i64,
}
