//! Histograms of one segment, over all calling contexts.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::distribution::{BUCKETS, bucket};
use crate::meter::Quiet;
use crate::totals::generation;

/// Those of the first slots are their own, the last is shared by all others.
const SHARDS: usize = 4;

/// How the peaks and the allocated bytes of single calls are distributed. Takes no memory
/// until there is a value that is not 0.
pub(crate) struct Distributions([OnceLock<Box<Histograms>>; SHARDS]);

impl Distributions {
    pub const fn new() -> Distributions {
        Distributions([const { OnceLock::new() }; SHARDS])
    }

    /// Adds what one call did, on the thread with this slot.
    pub fn add(&self, slot: u32, peak: u64, allocated: u64) {
        let shard = (slot as usize).min(SHARDS - 1);
        let histograms = self.0[shard].get_or_init(|| {
            let _quiet = Quiet::begin();
            Box::new(Histograms::new())
        });
        histograms.renew();
        let alone = shard < SHARDS - 1;
        histograms.peak.add(peak, alone);
        histograms.allocated.add(allocated, alone);
    }

    /// How many values fell into each bucket.
    pub fn counts(&self, of: fn(&Histograms) -> &Histogram) -> [u64; BUCKETS] {
        let generation = generation();
        let mut counts = [0; BUCKETS];
        for histograms in self.0.iter().filter_map(OnceLock::get) {
            if histograms.generation.load(Relaxed) != generation {
                continue;
            }
            for (sum, count) in counts.iter_mut().zip(&of(histograms).counts) {
                *sum += count.load(Relaxed);
            }
        }
        counts
    }
}

pub(crate) struct Histogram {
    counts: [AtomicU64; BUCKETS],
}

pub(crate) struct Histograms {
    generation: AtomicU32,
    pub peak: Histogram,
    pub allocated: Histogram,
}

impl Histograms {
    fn new() -> Histograms {
        let empty = || Histogram { counts: [const { AtomicU64::new(0) }; BUCKETS] };
        Histograms { generation: AtomicU32::new(generation()), peak: empty(), allocated: empty() }
    }

    fn renew(&self) {
        let generation = generation();
        if self.generation.load(Relaxed) != generation {
            for count in self.peak.counts.iter().chain(&self.allocated.counts) {
                count.store(0, Relaxed);
            }
            self.generation.store(generation, Relaxed);
        }
    }
}

impl Histogram {
    fn add(&self, value: u64, alone: bool) {
        let count = &self.counts[bucket(value)];
        if alone {
            count.store(count.load(Relaxed).wrapping_add(1), Relaxed);
        } else {
            count.fetch_add(1, Relaxed);
        }
    }
}
