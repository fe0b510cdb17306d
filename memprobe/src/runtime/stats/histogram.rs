//! Histograms of one segment over all calling contexts. Each shard counts in its own; reading adds
//! them up.

use crate::report::distribution::{BUCKETS, bucket};
use crate::runtime::readings::shard::{SHARDS, Shard};
use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::stats::generation::{Generation, generation};
use crate::runtime::sync::atomic::{
    AtomicU8, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use crate::runtime::sync::static_ref::StaticRef;

/// How the peaks and the allocated bytes of single calls are distributed. Allocates nothing until a
/// call has allocated or freed.
pub(crate) struct Distributions {
    shards: [StaticRef<Counts>; SHARDS],
    /// Created when a bucket first wraps.
    carried: StaticRef<Carried>,
}

/// What one shard has counted in each bucket since the bucket wrapped.
struct Counts {
    generation: Generation,
    peaks: [AtomicU8; BUCKETS],
    allocations: [AtomicU8; BUCKETS],
}

/// Overflow: a shard counts in `u8` and adds 256 here when a bucket wraps. So shards are small, and
/// this shared part is rarely written.
struct Carried {
    peaks: [Overflow; BUCKETS],
    allocations: [Overflow; BUCKETS],
}

/// The overflow of a bucket, and the generation it is of: one word, so that no count of one
/// generation is taken for one of another.
struct Overflow(AtomicU64);

impl Overflow {
    /// Bits of the count; the others are the lowest ones of the generation.
    const BITS: u32 = 40;
    const COUNT: u64 = (1 << Self::BITS) - 1;
    /// What is added when a bucket of a shard wraps.
    const CARRY: u64 = 1 << u8::BITS;

    /// Returns an empty one of a generation.
    fn empty(of: u32) -> u64 {
        u64::from(of) << Self::BITS
    }

    /// Adds what a shard has counted in the generation `of`, unless it is over.
    fn carry(&self, of: u32) {
        let empty = Self::empty(of);
        let more = |word: u64| {
            let count = if word & !Self::COUNT == empty { word & Self::COUNT } else { 0 };
            (generation() == of).then_some(empty | (count + Self::CARRY))
        };
        // Whoever reads a word of a later generation also sees that this one is over, and so does not
        // overwrite it.
        let _ = self.0.fetch_update(Release, Acquire, more);
    }

    fn count(&self) -> u64 {
        let word = self.0.load(Relaxed);
        if word & !Self::COUNT == Self::empty(generation()) { word & Self::COUNT } else { 0 }
    }
}

impl Distributions {
    pub const fn new() -> Distributions {
        Distributions { shards: [const { StaticRef::none() }; SHARDS], carried: StaticRef::none() }
    }

    /// Adds the peak and the allocated bytes of one call, on the thread with this shard.
    #[inline]
    pub fn add(&self, shard: Shard, peak: u64, allocated: u64) {
        let place = shard.of(&self.shards);
        let counts = place.load(Acquire).unwrap_or_else(|| Counts::make(place));
        let of = match counts.generation.get() {
            current if current == generation() => current,
            _ => counts.renew(),
        };
        let (peak, allocated) = (bucket(peak), bucket(allocated));
        let alone = !shard.is_shared();
        if count(&counts.peaks[peak], alone) {
            self.carried().peaks[peak].carry(of);
        }
        if count(&counts.allocations[allocated], alone) {
            self.carried().allocations[allocated].carry(of);
        }
    }

    #[cold]
    fn carried(&self) -> &'static Carried {
        self.carried.load(Acquire).unwrap_or_else(|| Carried::make(&self.carried))
    }

    /// Returns how many peaks fell into each bucket.
    pub fn peaks(&self) -> [u64; BUCKETS] {
        self.counts(|counts| &counts.peaks, |carried| &carried.peaks)
    }

    /// Returns how many amounts of allocated bytes fell into each bucket.
    pub fn allocations(&self) -> [u64; BUCKETS] {
        self.counts(|counts| &counts.allocations, |carried| &carried.allocations)
    }

    fn counts(
        &self,
        in_shard: fn(&Counts) -> &[AtomicU8; BUCKETS],
        carried: fn(&Carried) -> &[Overflow; BUCKETS],
    ) -> [u64; BUCKETS] {
        let mut sums = [0; BUCKETS];
        if let Some(all) = self.carried.load(Acquire) {
            sums = std::array::from_fn(|bucket| carried(all)[bucket].count());
        }
        let shards = self.shards.iter().filter_map(|counts| counts.load(Acquire));
        for counts in shards.filter(|counts| counts.generation.is_current()) {
            for (sum, count) in sums.iter_mut().zip(in_shard(counts)) {
                *sum += u64::from(count.load(Relaxed));
            }
        }
        sums
    }
}

impl Counts {
    #[cold]
    fn make(place: &StaticRef<Counts>) -> &'static Counts {
        let _ignored = IgnoreAllocs::begin();
        place.get_or_init(|| Counts {
            generation: Generation::now(),
            peaks: [const { AtomicU8::new(0) }; BUCKETS],
            allocations: [const { AtomicU8::new(0) }; BUCKETS],
        })
    }

    /// Returns the generation that the counts are of now.
    #[cold]
    fn renew(&self) -> u32 {
        self.generation.renew(|| {
            for count in self.peaks.iter().chain(&self.allocations) {
                count.store(0, Relaxed);
            }
        });
        self.generation.get()
    }
}

impl Carried {
    fn make(place: &StaticRef<Carried>) -> &'static Carried {
        let _ignored = IgnoreAllocs::begin();
        let empty =
            || std::array::from_fn(|_| Overflow(AtomicU64::new(Overflow::empty(generation()))));
        place.get_or_init(|| Carried { peaks: empty(), allocations: empty() })
    }
}

/// Adds one; returns whether the count wrapped to 0.
#[inline]
fn count(count: &AtomicU8, alone: bool) -> bool {
    let before = if alone {
        let before = count.load(Relaxed);
        count.store(before.wrapping_add(1), Relaxed);
        before
    } else {
        count.fetch_add(1, Relaxed)
    };
    before == u8::MAX
}

#[cfg(all(test, memprobe_loom))]
mod models;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overflow_of_another_generation_is_none() {
        let now = generation();
        let overflow = Overflow(AtomicU64::new(Overflow::empty(now)));
        overflow.carry(now);
        overflow.carry(now);
        assert_eq!(overflow.count(), 512);
        overflow.0.store(Overflow::empty(now.wrapping_sub(1)) | (7 * 256), Relaxed);
        assert_eq!(overflow.count(), 0);
        overflow.carry(now.wrapping_sub(1));
        assert_eq!(overflow.count(), 0, "it comes too late");
        overflow.carry(now);
        assert_eq!(overflow.count(), 256, "nothing of before");
    }
}
