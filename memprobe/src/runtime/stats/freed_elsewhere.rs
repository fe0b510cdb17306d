//! How much of a function's net was freed where the free does not count for it.

use crate::runtime::sync::atomic::{
    AtomicI64, AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

/// A lower bound, in bytes, of what was freed elsewhere: the excess of a function's net over all
/// live bytes. It stays valid when there are more live bytes later.
pub(crate) struct FreedElsewhere {
    /// The generation of the totals that the other fields belong to.
    generation: AtomicU32,
    /// The excess as it was seen last, and the confirmed bound, in bytes.
    seen: AtomicI64,
    sure: AtomicI64,
}

impl FreedElsewhere {
    pub const fn new() -> FreedElsewhere {
        FreedElsewhere {
            generation: AtomicU32::new(0),
            seen: AtomicI64::new(0),
            sure: AtomicI64::new(0),
        }
    }

    /// Records that the net exceeded the live bytes by `over`. The smaller of two values in a row
    /// is confirmed, because a call may be half counted at the time. Only one thread may call this
    /// at a time.
    pub fn saw(&self, generation: u32, over: i64) {
        if self.generation.load(Relaxed) != generation {
            self.generation.store(0, Relaxed);
            self.seen.store(0, Relaxed);
            self.sure.store(0, Relaxed);
            self.generation.store(generation, Release);
        }
        let sure = over.min(self.seen.swap(over, Relaxed));
        self.sure.fetch_max(sure, Relaxed);
    }

    pub fn get(&self, generation: u32) -> i64 {
        let is_of_these = self.generation.load(Acquire) == generation;
        if is_of_these { self.sure.load(Relaxed) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freed_elsewhere_is_what_was_seen_twice_of_these_totals() {
        let freed = FreedElsewhere::new();
        let saw = |generation, over| {
            freed.saw(generation, over);
            freed.get(generation)
        };
        assert_eq!(saw(1, 50), 0, "once");
        assert_eq!(saw(1, 20), 20);
        assert_eq!(saw(1, 0), 20, "what is freed stays freed");
        assert_eq!(saw(1, 70), 20);
        assert_eq!(saw(1, 80), 70);
        assert_eq!(freed.get(2), 0, "after a reset");
        assert_eq!(saw(2, 9), 0);
        assert_eq!(saw(2, 9), 9);
    }
}
