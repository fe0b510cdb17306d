//! The generation of totals, by which all of them start anew at once.

use crate::runtime::sync::atomic::{
    AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use crate::runtime::sync::yield_now;

static GENERATION: AtomicU32 = AtomicU32::new(1);

/// Returns the current generation of totals, which changes with each reset.
pub(crate) fn generation() -> u32 {
    GENERATION.load(Relaxed)
}

/// Starts all totals anew. Counts of an older generation count as empty, and are cleared by the next
/// thread that adds to them.
pub(crate) fn reset() {
    GENERATION.fetch_add(1, Relaxed);
}

/// The generation that some counts are of.
pub(crate) struct Generation(AtomicU32);

impl Generation {
    /// Stands for counts that a thread is clearing.
    const CLEARING: u32 = 0;

    /// Returns the current generation.
    pub fn now() -> Generation {
        Generation(AtomicU32::new(generation()))
    }

    /// Returns the generation; 0, which is none, while a thread clears the counts.
    #[inline]
    pub fn get(&self) -> u32 {
        self.0.load(Acquire)
    }

    /// Whether the counts are of the current generation.
    #[inline]
    pub fn is_current(&self) -> bool {
        self.get() == generation()
    }

    /// Makes the counts those of the current generation, by `clear`. Of threads that share counts
    /// one clears them, and the others wait for it, or what they add would be cleared too. The wait
    /// is bounded: in a forked child the thread that clears may not exist.
    #[cold]
    pub fn renew(&self, clear: impl Fn()) {
        let was = self.0.load(Acquire);
        if was == generation() {
            return;
        }
        let is_ours = was != Self::CLEARING
            && self.0.compare_exchange(was, Self::CLEARING, Acquire, Relaxed).is_ok();
        if !is_ours {
            for _ in 0..1000 {
                if self.is_current() {
                    return;
                }
                yield_now();
            }
        }
        clear();
        // Whoever sees the new generation also sees that the counts are 0.
        self.0.store(generation(), Release);
    }
}
