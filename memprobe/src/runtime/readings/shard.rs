//! Shards: each thread counts in its own, so counters need no shared writes. The counts of a thread
//! stay in its shard when it ends, and the next thread to take the shard adds to them.

use std::cell::Cell;

use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::sync::atomic::{
    AtomicU32, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use crate::runtime::sync::thread_local;

/// The number of shards, so chosen that 200 points that many threads reach take at most 4 MiB.
pub(crate) const SHARDS: usize = 28;
/// The first `OWN` shards belong to one thread each; all further threads share the others.
const OWN: u32 = 24;

/// One bit for each of the first shards, set while a thread has it.
static TAKEN: AtomicU32 = AtomicU32::new(0);
/// An upper bound on the index of the shards that any thread has had so far, plus one.
static IN_USE: AtomicUsize = AtomicUsize::new(0);
/// How often a shared shard was given out.
static SHARING: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static SHARD: Cell<Shard> = const { Cell::new(Shard::NONE) };
    static LEASE: Lease = const { Lease };
}

/// The index of a shard, in arrays of [`SHARDS`] elements.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard(u32);

impl Shard {
    /// The value of a thread that has not asked for a shard.
    const NONE: Shard = Shard(u32::MAX);

    /// Returns the element of the shard.
    #[inline]
    pub fn of<T>(self, all: &[T; SHARDS]) -> &T {
        // The index is always in range; a check is cheaper than a remainder.
        all.get(self.0 as usize).unwrap_or(&all[0])
    }

    /// Returns the index of the shard.
    pub fn index(self) -> usize {
        if (self.0 as usize) < SHARDS { self.0 as usize } else { 0 }
    }

    /// Returns true if other threads write to the shard too.
    #[inline]
    pub fn is_shared(self) -> bool {
        self.0 >= OWN
    }

    fn used(self) -> Shard {
        IN_USE.fetch_max(self.index() + 1, Relaxed);
        self
    }

    /// Returns a shard that threads share.
    pub fn shared() -> Shard {
        let turn = SHARING.fetch_add(1, Relaxed) % (SHARDS as u32 - OWN);
        Shard(OWN + turn).used()
    }

    fn take() -> Shard {
        let mut taken = TAKEN.load(Relaxed);
        loop {
            let free = taken.trailing_ones();
            if free >= OWN {
                return Shard::shared();
            }
            // Acquire, for the counts of the thread that gave it back.
            match TAKEN.compare_exchange(taken, taken | 1 << free, Acquire, Relaxed) {
                Ok(_) => return Shard(free).used(),
                Err(now) => taken = now,
            }
        }
    }
}

/// Gives the shard of its thread back when the thread ends.
struct Lease;

impl Drop for Lease {
    fn drop(&mut self) {
        // Whoever counts on this thread from now on gets a shared one.
        let shard = SHARD.replace(Shard::NONE);
        if !shard.is_shared() {
            TAKEN.fetch_and(!(1 << shard.0), Release);
        }
    }
}

/// Returns how many of the first shards any thread has had so far. Nothing was counted in the
/// others.
pub(crate) fn in_use() -> usize {
    IN_USE.load(Relaxed)
}

/// Returns the shard of this thread.
#[inline]
pub(crate) fn shard() -> Shard {
    let shard = SHARD.get();
    if (shard.0 as usize) < SHARDS { shard } else { lease() }
}

#[cold]
fn lease() -> Shard {
    let _ignored = IgnoreAllocs::begin();
    // A thread that is past its destructors could not give a shard of its own back.
    let shard = LEASE.try_with(|_| Shard::take()).unwrap_or_else(|_| Shard::shared());
    SHARD.set(shard);
    shard
}

#[cfg(all(test, memprobe_loom))]
mod models;
