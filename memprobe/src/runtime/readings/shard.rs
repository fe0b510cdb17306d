//! Places of their own for threads, so that what all of them count needs no shared writes.
//! What a thread leaves in its shard stays there for the next to add to.

use std::cell::Cell;
use std::sync::atomic::{
    AtomicU32, AtomicUsize, Ordering::AcqRel, Ordering::Relaxed, Ordering::Release,
};

use crate::runtime::readings::thread::IgnoreAllocs;

/// Slots in all: 200 points that many threads hit must not take more than 4 MiB.
pub(crate) const SHARDS: usize = 28;
/// The first so many belong to one thread each; all further threads share the others.
const OWN: u32 = 24;

/// Which of the first shards are taken, a bit each.
static TAKEN: AtomicU32 = AtomicU32::new(0);
/// The first shards that any thread has had so far are no more than these.
static IN_USE: AtomicUsize = AtomicUsize::new(0);
/// How many threads had to share.
static SHARING: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static SHARD: Cell<Shard> = const { Cell::new(Shard::NONE) };
    static LEASE: Lease = const { Lease };
}

/// A place in what has [`SHARDS`] of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard(u32);

impl Shard {
    /// Of a thread that has not asked for one.
    const NONE: Shard = Shard(u32::MAX);

    /// What is the shard's own.
    #[inline]
    pub fn of<T>(self, all: &[T; SHARDS]) -> &T {
        // There always is one; a check is cheaper than a remainder.
        all.get(self.0 as usize).unwrap_or(&all[0])
    }

    /// Which of all it is.
    pub fn index(self) -> usize {
        if (self.0 as usize) < SHARDS { self.0 as usize } else { 0 }
    }

    /// Whether other threads write there too.
    #[inline]
    pub fn is_shared(self) -> bool {
        self.0 >= OWN
    }

    fn used(self) -> Shard {
        IN_USE.fetch_max(self.index() + 1, Relaxed);
        self
    }

    fn shared() -> Shard {
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
            match TAKEN.compare_exchange(taken, taken | 1 << free, AcqRel, Relaxed) {
                Ok(_) => return Shard(free).used(),
                Err(now) => taken = now,
            }
        }
    }
}

/// Gives the shard of its thread back.
struct Lease;

impl Drop for Lease {
    fn drop(&mut self) {
        let shard = SHARD.replace(Shard::shared());
        if !shard.is_shared() {
            TAKEN.fetch_and(!(1 << shard.0), Release);
        }
    }
}

/// How many of the first shards any thread has had so far: nothing was counted in the others.
pub(crate) fn in_use() -> usize {
    IN_USE.load(Relaxed)
}

/// The shard of this thread.
#[inline]
pub(crate) fn shard() -> Shard {
    let shard = SHARD.get();
    if (shard.0 as usize) < SHARDS { shard } else { lease() }
}

#[cold]
fn lease() -> Shard {
    let _ignored = IgnoreAllocs::begin();
    // Where the thread is past its destructors it could not give a shard back.
    let shard = LEASE.try_with(|_| Shard::take()).unwrap_or_else(|_| Shard::shared());
    SHARD.set(shard);
    shard
}
