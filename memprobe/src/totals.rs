//! The totals of a segment: each slot has its own, put together when they are read.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::bytes::Bytes;
use crate::distribution::{BUCKETS, bucket};
use crate::meter::Quiet;
use crate::slot::{SHARED, SLOTS, slot};

static GENERATION: AtomicU32 = AtomicU32::new(1);

/// What one segment of one call did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit {
    pub bytes: Bytes,
    pub own: Bytes,
    /// Highest net above the segment's start; 0 where there are no bytes.
    pub peak: u64,
    /// Highest net above the call's start.
    pub level: u64,
}

/// What all calls did in one segment.
pub(crate) struct Totals {
    /// Each made when it is first hit.
    slots: [OnceLock<Box<Cells>>; SLOTS],
    /// Made when there is something to carry.
    carried: OnceLock<Box<Carried>>,
}

/// Totals of one segment in one slot; the sums are a cache line.
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
    peaks: [AtomicU8; BUCKETS],
    allocations: [AtomicU8; BUCKETS],
}

/// The distributions of a segment, as far as the slots have carried to them: a slot counts
/// to 255 in each bucket, so that many slots are small and none of them comes here often.
struct Carried {
    peaks: [AtomicU64; BUCKETS],
    allocations: [AtomicU64; BUCKETS],
}

/// What a slot carries at once.
const CARRY: u64 = 1 << u8::BITS;

impl Totals {
    pub const fn new() -> Totals {
        Totals { slots: [const { OnceLock::new() }; SLOTS], carried: OnceLock::new() }
    }

    /// The cells of a slot, ready to be added to.
    #[inline]
    fn cells_of(&self, slot: u32) -> &Cells {
        let place = &self.slots[slot as usize % SLOTS];
        let cells = place.get().map_or_else(|| Cells::make(place), |cells| &**cells);
        if cells.generation.load(Relaxed) != GENERATION.load(Relaxed) {
            cells.renew();
        }
        cells
    }

    /// Adds a call that did nothing with memory and had no probe.
    #[inline]
    pub fn add_idle(&self) {
        let slot = slot();
        let hits = &self.cells_of(slot).hits;
        if slot == SHARED { add::<false>(hits, 1) } else { add::<true>(hits, 1) }
    }

    /// Adds what one call did.
    #[allow(clippy::inline_always, reason = "what it adds is in registers")]
    #[inline(always)]
    pub fn add(&self, hit: Hit) {
        let slot = slot();
        let cells = self.cells_of(slot);
        if slot == SHARED {
            self.add_among_others(cells, hit);
        } else {
            self.add_to::<true>(cells, hit);
        }
    }

    #[cold]
    fn add_among_others(&self, cells: &Cells, hit: Hit) {
        self.add_to::<false>(cells, hit);
    }

    /// `ALONE`: nobody else writes to these cells.
    #[inline]
    fn add_to<const ALONE: bool>(&self, cells: &Cells, hit: Hit) {
        add::<ALONE>(&cells.hits, 1);
        raise::<ALONE>(&cells.level, hit.level);
        if hit.bytes == Bytes::ZERO {
            return;
        }
        add::<ALONE>(&cells.allocated, hit.bytes.allocated);
        add::<ALONE>(&cells.freed, hit.bytes.freed);
        add::<ALONE>(&cells.self_allocated, hit.own.allocated);
        add::<ALONE>(&cells.self_freed, hit.own.freed);
        raise::<ALONE>(&cells.peak, hit.peak);
        let (peak, allocated) = (bucket(hit.peak), bucket(hit.bytes.allocated));
        if count::<ALONE>(&cells.peaks[peak]) {
            self.carried().peaks[peak].fetch_add(CARRY, Relaxed);
        }
        if count::<ALONE>(&cells.allocations[allocated]) {
            self.carried().allocations[allocated].fetch_add(CARRY, Relaxed);
        }
    }

    #[cold]
    fn carried(&self) -> &Carried {
        self.carried.get_or_init(|| {
            let _quiet = Quiet::begin();
            let empty = || [const { AtomicU64::new(0) }; BUCKETS];
            Box::new(Carried { peaks: empty(), allocations: empty() })
        })
    }

    /// The cells of all slots that were hit since the last reset.
    fn cells(&self) -> impl Iterator<Item = &Cells> {
        let generation = GENERATION.load(Relaxed);
        let made = self.slots.iter().filter_map(OnceLock::get).map(|cells| &**cells);
        made.filter(move |cells| cells.generation.load(Relaxed) == generation)
    }

    /// The sums over all slots.
    pub fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        for cells in self.cells() {
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

    /// How many peaks fell into each bucket.
    pub fn peaks(&self) -> [u64; BUCKETS] {
        self.distribution(|cells| &cells.peaks, |carried| &carried.peaks)
    }

    /// How many times what was allocated fell into each bucket.
    pub fn allocations(&self) -> [u64; BUCKETS] {
        self.distribution(|cells| &cells.allocations, |carried| &carried.allocations)
    }

    fn distribution(
        &self,
        slots: fn(&Cells) -> &[AtomicU8; BUCKETS],
        carried: fn(&Carried) -> &[AtomicU64; BUCKETS],
    ) -> [u64; BUCKETS] {
        let mut counts = self.carried.get().map_or([0; BUCKETS], |all| {
            std::array::from_fn(|bucket| carried(all)[bucket].load(Relaxed))
        });
        for cells in self.cells() {
            for (sum, count) in counts.iter_mut().zip(slots(cells)) {
                *sum += u64::from(count.load(Relaxed));
            }
        }
        counts
    }

    /// Empties what has no generation, after `reset`.
    pub fn reset_carried(&self) {
        if let Some(carried) = self.carried.get() {
            for count in carried.peaks.iter().chain(&carried.allocations) {
                count.store(0, Relaxed);
            }
        }
    }
}

impl Cells {
    #[cold]
    fn make(place: &OnceLock<Box<Cells>>) -> &Cells {
        place.get_or_init(|| {
            let _quiet = Quiet::begin();
            let zero = || AtomicU64::new(0);
            Box::new(Cells {
                generation: AtomicU32::new(GENERATION.load(Relaxed)),
                hits: zero(),
                allocated: zero(),
                freed: zero(),
                self_allocated: zero(),
                self_freed: zero(),
                peak: zero(),
                level: zero(),
                peaks: [const { AtomicU8::new(0) }; BUCKETS],
                allocations: [const { AtomicU8::new(0) }; BUCKETS],
            })
        })
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

    /// Empties the cells of an older generation. Threads that share them may lose a hit to
    /// each other here.
    #[cold]
    fn renew(&self) {
        for cell in self.all() {
            cell.store(0, Relaxed);
        }
        for count in self.peaks.iter().chain(&self.allocations) {
            count.store(0, Relaxed);
        }
        self.generation.store(GENERATION.load(Relaxed), Relaxed);
    }
}

#[inline]
fn add<const ALONE: bool>(cell: &AtomicU64, more: u64) {
    if ALONE {
        cell.store(cell.load(Relaxed).wrapping_add(more), Relaxed);
    } else {
        cell.fetch_add(more, Relaxed);
    }
}

#[inline]
fn raise<const ALONE: bool>(cell: &AtomicU64, to: u64) {
    if cell.load(Relaxed) >= to {
        return;
    }
    if ALONE {
        cell.store(to, Relaxed);
    } else {
        cell.fetch_max(to, Relaxed);
    }
}

/// Counts one; says whether the count is full and starts anew.
#[inline]
fn count<const ALONE: bool>(count: &AtomicU8) -> bool {
    let before = if ALONE {
        let before = count.load(Relaxed);
        count.store(before.wrapping_add(1), Relaxed);
        before
    } else {
        count.fetch_add(1, Relaxed)
    };
    before == u8::MAX
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
