//! Places of their own for threads, so that what all of them count needs no shared writes.
//! What a thread leaves in its slot stays there for the next to add to.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering::AcqRel, Ordering::Relaxed, Ordering::Release};

use crate::runtime::readings::thread::Quiet;

/// Slots in all: 200 points that many threads hit must not take more than 4 MiB.
pub(crate) const SLOTS: usize = 28;
/// The first so many belong to one thread each; all further threads share the others.
const OWN: u32 = 24;

/// Which of the first slots are taken, a bit each.
static TAKEN: AtomicU32 = AtomicU32::new(0);
/// How many threads had to share.
static SHARING: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static SLOT: Cell<Slot> = const { Cell::new(Slot::NONE) };
    static LEASE: Lease = const { Lease };
}

/// A place in what has [`SLOTS`] of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(u32);

impl Slot {
    /// Of a thread that has not asked for one.
    const NONE: Slot = Slot(u32::MAX);

    /// What is the slot's own.
    #[inline]
    pub fn of<T>(self, all: &[T; SLOTS]) -> &T {
        // There always is one; a check is cheaper than a remainder.
        all.get(self.0 as usize).unwrap_or(&all[0])
    }

    /// Which of all it is.
    pub fn index(self) -> usize {
        if (self.0 as usize) < SLOTS { self.0 as usize } else { 0 }
    }

    /// Whether other threads write there too.
    #[inline]
    pub fn is_shared(self) -> bool {
        self.0 >= OWN
    }

    fn shared() -> Slot {
        let turn = SHARING.fetch_add(1, Relaxed) % (SLOTS as u32 - OWN);
        Slot(OWN + turn)
    }

    fn take() -> Slot {
        let mut taken = TAKEN.load(Relaxed);
        loop {
            let free = taken.trailing_ones();
            if free >= OWN {
                return Slot::shared();
            }
            match TAKEN.compare_exchange(taken, taken | 1 << free, AcqRel, Relaxed) {
                Ok(_) => return Slot(free),
                Err(now) => taken = now,
            }
        }
    }
}

/// Gives the slot of its thread back.
struct Lease;

impl Drop for Lease {
    fn drop(&mut self) {
        let slot = SLOT.replace(Slot::shared());
        if !slot.is_shared() {
            TAKEN.fetch_and(!(1 << slot.0), Release);
        }
    }
}

/// The slot of this thread.
#[inline]
pub(crate) fn slot() -> Slot {
    let slot = SLOT.get();
    if (slot.0 as usize) < SLOTS { slot } else { lease() }
}

#[cold]
fn lease() -> Slot {
    let _quiet = Quiet::begin();
    // Where the thread is past its destructors it could not give a slot back.
    let slot = LEASE.try_with(|_| Slot::take()).unwrap_or_else(|_| Slot::shared());
    SLOT.set(slot);
    slot
}
