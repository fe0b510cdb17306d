//! What of a function's net was freed by code that nobody counts.

use std::sync::atomic::{
    AtomicI64, AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

/// How much of what a function's calls have netted was freed elsewhere for sure, because it was
/// more than all that was live. That stays so when more is live later.
pub(crate) struct FreedElsewhere {
    /// Of the totals that it is about.
    generation: AtomicU32,
    /// As it was seen last, and for sure.
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

    /// The net was so much more than there was, now. For sure is what was seen twice in a row:
    /// a call may be counted by half while one looks. One thread at a time.
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
