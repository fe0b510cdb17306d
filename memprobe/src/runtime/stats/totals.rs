//! The totals of a segment: each slot has its own, put together when they are read.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed};

use crate::runtime::readings::bytes::Bytes;
use crate::runtime::readings::slot::{SLOTS, Slot};
use crate::runtime::readings::thread::Quiet;
use crate::runtime::sync::static_ref::StaticRef;

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
    /// Highest net above the segment's start; 0 where there are no bytes.
    pub peak: u64,
    /// The one figure that the other kind does not have: for a segment the highest net above
    /// the call's start (for a call its peak), for a call its peak without nested ones.
    pub mark: u64,
    /// Is a whole call, with a probe or without.
    pub is_call: bool,
}

impl Cells {
    #[cold]
    fn make(place: &StaticRef<Cells>) -> &'static Cells {
        let _quiet = Quiet::begin();
        let zero = || AtomicU64::new(0);
        place.get_or_make(|| Cells {
            generation: AtomicU32::new(generation()),
            hits: zero(),
            allocated: zero(),
            freed: zero(),
            self_allocated: zero(),
            self_freed: zero(),
            peak: zero(),
            mark: zero(),
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
            &self.mark,
        ]
    }

    /// Empties the cells of an older generation. Threads that share them may lose a hit to
    /// each other here.
    #[cold]
    fn renew(&self) {
        for cell in self.all() {
            cell.store(0, Relaxed);
        }
        self.generation.store(generation(), Relaxed);
    }

    fn net(&self) -> i64 {
        Bytes { allocated: self.allocated.load(Relaxed), freed: self.freed.load(Relaxed) }.net()
    }
}

/// What all calls did in one segment.
pub(crate) struct Totals {
    /// Each made when it is first hit.
    slots: [StaticRef<Cells>; SLOTS],
    /// For whole calls, made when one of a few slots sees a second one.
    halves: StaticRef<[StaticRef<[Halves; TOGETHER]>; SLOTS / TOGETHER]>,
}

/// Slots whose halves are made together: for each by itself the places would take much.
const TOGETHER: usize = 4;
const _: () = assert!(SLOTS % TOGETHER == 0, "each slot is in a group");

/// Calls and their net at the last two powers of two, which tell the latter part of the calls
/// from the former.
#[derive(Default)]
struct Halves {
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
        Totals { slots: [const { StaticRef::none() }; SLOTS], halves: StaticRef::none() }
    }

    /// The cells of a slot, ready to be added to.
    #[inline]
    fn cells(&self, slot: Slot) -> &Cells {
        let place = slot.of(&self.slots);
        let cells = place.load(Acquire).unwrap_or_else(|| Cells::make(place));
        if cells.generation.load(Relaxed) != generation() {
            cells.renew();
        }
        cells
    }

    /// Adds a whole call that did nothing with memory.
    #[inline]
    pub fn add_idle(&self, slot: Slot) {
        let hits = &self.cells(slot).hits;
        let hits = if slot.is_shared() { add::<false>(hits, 1) } else { add::<true>(hits, 1) };
        self.pass_half(slot, hits);
    }

    /// Adds what one call did, on the thread with this slot.
    #[allow(clippy::inline_always, reason = "what it adds is in registers")]
    #[inline(always)]
    pub fn add(&self, slot: Slot, hit: Hit) {
        let cells = self.cells(slot);
        if slot.is_shared() {
            self.add_among_others(slot, cells, hit);
        } else {
            self.add_to::<true>(slot, cells, hit);
        }
    }

    #[cold]
    fn add_among_others(&self, slot: Slot, cells: &Cells, hit: Hit) {
        self.add_to::<false>(slot, cells, hit);
    }

    /// `ALONE`: nobody else writes to these cells.
    #[inline]
    fn add_to<const ALONE: bool>(&self, slot: Slot, cells: &Cells, hit: Hit) {
        let hits = add::<ALONE>(&cells.hits, 1);
        raise::<ALONE>(&cells.mark, hit.mark);
        if hit.bytes != Bytes::ZERO {
            add::<ALONE>(&cells.allocated, hit.bytes.allocated);
            add::<ALONE>(&cells.freed, hit.bytes.freed);
            add::<ALONE>(&cells.self_allocated, hit.own.allocated);
            add::<ALONE>(&cells.self_freed, hit.own.freed);
            raise::<ALONE>(&cells.peak, hit.peak);
        }
        if hit.is_call {
            self.pass_half(slot, hits);
        }
    }

    /// Remembers how far the calls had come at each power of two.
    #[inline]
    fn pass_half(&self, slot: Slot, hits: u64) {
        if hits & hits.wrapping_sub(1) == 0 && hits > 1 {
            self.halve(slot, hits);
        }
    }

    #[cold]
    fn halve(&self, slot: Slot, hits: u64) {
        let _quiet = Quiet::begin();
        let (group, at) = (slot.index() / TOGETHER, slot.index() % TOGETHER);
        let groups = self.halves.get_or_make(|| [const { StaticRef::none() }; SLOTS / TOGETHER]);
        let halves = &groups[group].get_or_make(Default::default)[at];
        // What was there before the second call was before the last reset.
        halves.before.set(if hits == 2 { (0, 0) } else { halves.last.get() });
        halves.last.set((hits, self.cells(slot).net()));
    }

    /// The sums over all slots.
    pub fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        for (slot, cells) in self.slots.iter().enumerate() {
            let cells =
                cells.load(Acquire).filter(|cells| cells.generation.load(Relaxed) == generation());
            let Some(cells) = cells else { continue };
            let [hits, allocated, freed, own_allocated, own_freed, peak, mark] =
                cells.all().map(|cell| cell.load(Relaxed));
            sums.hits += hits;
            sums.bytes = sums.bytes.plus(Bytes { allocated, freed });
            sums.own = sums.own.plus(Bytes { allocated: own_allocated, freed: own_freed });
            sums.peak = sums.peak.max(peak);
            sums.mark = sums.mark.max(mark);
            let groups = self.halves.load(Acquire);
            let group = groups.and_then(|groups| groups[slot / TOGETHER].load(Acquire));
            let Some(halves) = group.map(|group| &group[slot % TOGETHER]) else { continue };
            let (hits_before, net_before) = halves.before.get();
            if hits_before > 0 && halves.last.get().0 <= hits {
                sums.later_hits += hits.saturating_sub(hits_before);
                sums.later_net += cells.net().wrapping_sub(net_before);
            }
        }
        sums
    }
}

/// Gives the new value.
#[inline]
fn add<const ALONE: bool>(cell: &AtomicU64, more: u64) -> u64 {
    if ALONE {
        let sum = cell.load(Relaxed).wrapping_add(more);
        cell.store(sum, Relaxed);
        sum
    } else {
        cell.fetch_add(more, Relaxed).wrapping_add(more)
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
