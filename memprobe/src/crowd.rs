//! How many calls of one function ran at once.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::meter::Quiet;
use crate::slot::{SHARED, SLOTS};
use crate::totals::generation;

/// Calls that run, counted by threads of their own; a call may end on another thread than
/// it began, so that only the sum over all threads is a number of calls.
pub(crate) struct Crowd {
    lanes: OnceLock<Box<[Lane; SLOTS]>>,
    generation: AtomicU32,
    most: AtomicI64,
}

/// What the threads of one slot have begun and not ended.
#[repr(align(64))]
struct Lane {
    generation: AtomicU32,
    open: AtomicI64,
    most: AtomicI64,
    calls: AtomicU64,
}

/// A thread that is as crowded as ever looks at all others every so many calls; it always
/// does when it is more crowded than ever.
const EVERY: u64 = 64;

impl Crowd {
    pub const fn new() -> Crowd {
        Crowd { lanes: OnceLock::new(), generation: AtomicU32::new(0), most: AtomicI64::new(0) }
    }

    fn lanes(&self) -> &[Lane; SLOTS] {
        self.lanes.get_or_init(|| {
            let _quiet = Quiet::begin();
            Box::new([const { Lane::new() }; SLOTS])
        })
    }

    /// A call begins.
    #[inline]
    pub fn enter(&self, slot: u32) {
        let lane = &self.lanes()[slot as usize % SLOTS];
        let open = lane.add(slot, 1);
        let calls = lane.calls.load(Relaxed).wrapping_add(1);
        lane.calls.store(calls, Relaxed);
        let most = lane.most.load(Relaxed);
        let is_new = lane.generation.load(Relaxed) != generation();
        if open > most || (open == most && calls % EVERY == 0) || is_new {
            self.look(lane, open);
        }
    }

    /// A call ends.
    #[inline]
    pub fn leave(&self, slot: u32) {
        self.lanes()[slot as usize % SLOTS].add(slot, -1);
    }

    #[cold]
    fn look(&self, lane: &Lane, open: i64) {
        let generation = generation();
        lane.generation.store(generation, Relaxed);
        lane.most.store(open, Relaxed);
        let now = self.lanes().iter().map(|lane| lane.open.load(Relaxed)).sum();
        if self.generation.swap(generation, Relaxed) == generation {
            self.most.fetch_max(now, Relaxed);
        } else {
            self.most.store(now, Relaxed);
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
        Lane {
            generation: AtomicU32::new(0),
            open: AtomicI64::new(0),
            most: AtomicI64::new(0),
            calls: AtomicU64::new(0),
        }
    }

    #[inline]
    fn add(&self, slot: u32, change: i64) -> i64 {
        if slot == SHARED {
            return self.open.fetch_add(change, Relaxed) + change;
        }
        let open = self.open.load(Relaxed) + change;
        self.open.store(open, Relaxed);
        open
    }
}
