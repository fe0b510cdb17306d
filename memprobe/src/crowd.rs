//! How many calls of one function ran at once.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed};

use crate::meter::Quiet;
use crate::slot::{SLOTS, Slot};
use crate::static_ref::StaticRef;
use crate::totals::generation;

/// Calls that run, counted in a lane for each slot; a call may end on another thread than it
/// began, so that only the sum over all lanes is a number of calls.
pub(crate) struct Crowd {
    lanes: StaticRef<[Lane; SLOTS]>,
    generation: AtomicU32,
    most: AtomicI64,
}

/// What the threads of one slot have begun and not ended.
#[repr(align(64))]
struct Lane {
    open: AtomicI64,
    most: AtomicI64,
    /// When it looked at the others last, by the coarse clock.
    looked: AtomicU64,
}

impl Crowd {
    pub const fn new() -> Crowd {
        Crowd { lanes: StaticRef::none(), generation: AtomicU32::new(0), most: AtomicI64::new(0) }
    }

    #[inline]
    fn lanes(&self) -> &'static [Lane; SLOTS] {
        self.lanes.load(Acquire).unwrap_or_else(|| self.make())
    }

    #[cold]
    fn make(&self) -> &'static [Lane; SLOTS] {
        let _quiet = Quiet::begin();
        self.lanes.get_or_make(|| [const { Lane::new() }; SLOTS])
    }

    /// A call begins, at `now` by the coarse clock. A thread that is as crowded as ever looks
    /// at all others, once in each tick of the clock; one that is more crowded always does.
    #[inline]
    pub fn enter(&self, slot: Slot, now: u64) {
        let lane = slot.of(self.lanes());
        let open = lane.add(slot, 1);
        let most = lane.most.load(Relaxed);
        if open >= most && (open > most || lane.looked.load(Relaxed) != now) {
            self.look(lane, open, now);
        }
    }

    /// A call ends.
    #[inline]
    pub fn leave(&self, slot: Slot) {
        slot.of(self.lanes()).add(slot, -1);
    }

    #[cold]
    #[inline(never)]
    fn look(&self, lane: &Lane, open: i64, now: u64) {
        lane.looked.store(now, Relaxed);
        lane.most.store(open, Relaxed);
        let now = self.lanes().iter().map(|lane| lane.open.load(Relaxed)).sum();
        if self.generation.swap(generation(), Relaxed) == generation() {
            self.most.fetch_max(now, Relaxed);
        } else {
            self.most.store(now, Relaxed);
        }
    }

    /// Starts anew from what runs when a call begins the next time.
    pub fn reset(&self) {
        for lane in self.lanes.load(Acquire).into_iter().flatten() {
            lane.most.store(0, Relaxed);
        }
    }

    /// The most calls that were seen to run at once.
    pub fn most(&self) -> u64 {
        let is_now = self.generation.load(Relaxed) == generation();
        if is_now { self.most.load(Relaxed).max(0) as u64 } else { 0 }
    }
}

impl Lane {
    const fn new() -> Lane {
        Lane { open: AtomicI64::new(0), most: AtomicI64::new(0), looked: AtomicU64::new(0) }
    }

    #[inline]
    fn add(&self, slot: Slot, change: i64) -> i64 {
        if slot.is_shared() {
            return self.open.fetch_add(change, Relaxed) + change;
        }
        let open = self.open.load(Relaxed) + change;
        self.open.store(open, Relaxed);
        open
    }
}
