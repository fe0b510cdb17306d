//! Histograms of one segment over all calling contexts. Each shard counts in its own; reading adds
//! them up.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed};

use crate::report::distribution::{BUCKETS, bucket};
use crate::runtime::readings::shard::{SHARDS, Shard};
use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::stats::totals::generation;
use crate::runtime::sync::static_ref::StaticRef;

/// How the peaks and the allocated bytes of single calls are distributed. Allocates nothing until a
/// call has allocated or freed.
pub(crate) struct Distributions {
    shards: [StaticRef<Counts>; SHARDS],
    /// Created when a bucket first wraps.
    carried: OnceLock<Box<Carried>>,
}

/// What one shard has counted in each bucket since the bucket wrapped.
struct Counts {
    generation: AtomicU32,
    peaks: [AtomicU8; BUCKETS],
    allocations: [AtomicU8; BUCKETS],
}

/// Overflow: a shard counts in `u8` and adds 256 here when a bucket wraps. So shards are small, and
/// this shared part is rarely written.
struct Carried {
    generation: AtomicU32,
    peaks: [AtomicU64; BUCKETS],
    allocations: [AtomicU64; BUCKETS],
}

/// What a shard adds to the overflow when a bucket wraps.
const CARRY: u64 = 1 << u8::BITS;

impl Distributions {
    pub const fn new() -> Distributions {
        Distributions { shards: [const { StaticRef::none() }; SHARDS], carried: OnceLock::new() }
    }

    /// Adds the peak and the allocated bytes of one call, on the thread with this shard.
    #[inline]
    pub fn add(&self, shard: Shard, peak: u64, allocated: u64) {
        let place = shard.of(&self.shards);
        let counts = place.load(Acquire).unwrap_or_else(|| Counts::make(place));
        if counts.generation.load(Relaxed) != generation() {
            counts.renew();
        }
        let (peak, allocated) = (bucket(peak), bucket(allocated));
        let alone = !shard.is_shared();
        if count(&counts.peaks[peak], alone) {
            self.carried().peaks[peak].fetch_add(CARRY, Relaxed);
        }
        if count(&counts.allocations[allocated], alone) {
            self.carried().allocations[allocated].fetch_add(CARRY, Relaxed);
        }
    }

    #[cold]
    fn carried(&self) -> &Carried {
        let carried = self.carried.get_or_init(|| {
            let _ignored = IgnoreAllocs::begin();
            Box::new(Carried::new())
        });
        if carried.generation.swap(generation(), Relaxed) != generation() {
            for count in carried.peaks.iter().chain(&carried.allocations) {
                count.store(0, Relaxed);
            }
        }
        carried
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
        carried: fn(&Carried) -> &[AtomicU64; BUCKETS],
    ) -> [u64; BUCKETS] {
        let is_now = |since: &AtomicU32| since.load(Relaxed) == generation();
        let mut sums = [0; BUCKETS];
        if let Some(all) = self.carried.get().filter(|carried| is_now(&carried.generation)) {
            sums = std::array::from_fn(|bucket| carried(all)[bucket].load(Relaxed));
        }
        let shards = self.shards.iter().filter_map(|counts| counts.load(Acquire));
        for counts in shards.filter(|counts| is_now(&counts.generation)) {
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
            generation: AtomicU32::new(generation()),
            peaks: [const { AtomicU8::new(0) }; BUCKETS],
            allocations: [const { AtomicU8::new(0) }; BUCKETS],
        })
    }

    #[cold]
    fn renew(&self) {
        for count in self.peaks.iter().chain(&self.allocations) {
            count.store(0, Relaxed);
        }
        self.generation.store(generation(), Relaxed);
    }
}

impl Carried {
    fn new() -> Carried {
        Carried {
            generation: AtomicU32::new(generation()),
            peaks: [const { AtomicU64::new(0) }; BUCKETS],
            allocations: [const { AtomicU64::new(0) }; BUCKETS],
        }
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
