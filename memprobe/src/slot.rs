//! Places of their own for threads, so that what all of them count needs no shared writes.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering::AcqRel, Ordering::Relaxed, Ordering::Release};

use crate::meter::Quiet;

/// Threads that have a slot of their own; the last slot is shared by all others.
pub(crate) const SLOTS: usize = 32;
pub(crate) const SHARED: u32 = SLOTS as u32 - 1;

static TAKEN: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static SLOT: Cell<u32> = const { Cell::new(u32::MAX) };
    static LEASE: Lease = const { Lease };
}

/// Gives the slot of its thread back.
struct Lease;

impl Drop for Lease {
    fn drop(&mut self) {
        let slot = SLOT.replace(SHARED);
        if slot < SHARED {
            TAKEN.fetch_and(!(1 << slot), Release);
        }
    }
}

/// The slot of this thread. What a thread leaves in it stays for the next to add to.
#[inline]
pub(crate) fn slot() -> u32 {
    match SLOT.get() {
        u32::MAX => lease(),
        slot => slot,
    }
}

#[cold]
fn lease() -> u32 {
    let _quiet = Quiet::begin();
    // Where the thread is past its destructors it could not give a slot back.
    let slot = LEASE.try_with(|_| take_slot()).unwrap_or(SHARED);
    SLOT.set(slot);
    slot
}

fn take_slot() -> u32 {
    let mut taken = TAKEN.load(Relaxed);
    loop {
        let free = taken.trailing_ones();
        if free >= SHARED {
            return SHARED;
        }
        match TAKEN.compare_exchange(taken, taken | 1 << free, AcqRel, Relaxed) {
            Ok(_) => return free,
            Err(now) => taken = now,
        }
    }
}
