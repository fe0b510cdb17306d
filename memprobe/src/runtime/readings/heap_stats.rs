//! jemalloc's figures of the whole process, within a budget, because refreshing them takes nearly
//! every lock of the allocator.

use crate::runtime::readings::budget::{BURST, Budget};
use crate::runtime::readings::resident::Resident;
use crate::runtime::readings::{clock, jemalloc, resident};
use crate::runtime::sync::atomic::{AtomicU64, Ordering::Relaxed};
use crate::values::process::Heap;

/// The one budget that events, the timeline and the watch share.
static EPOCH: Budget = Budget::of_percent(5).with_burst(BURST);

/// The value of a figure that is not known.
const ABSENT: u64 = u64::MAX;

/// Memory of this process outside jemalloc at the last refresh, in bytes: RSS less `resident`.
static OUTSIDE: AtomicU64 = AtomicU64::new(ABSENT);
/// The part of it that is neither files nor shared memory, in bytes.
static PRIVATE_OUTSIDE: AtomicU64 = AtomicU64::new(0);
/// jemalloc's own bookkeeping at the last refresh, in bytes.
static METADATA: AtomicU64 = AtomicU64::new(0);

/// Refreshes and returns jemalloc's figures if the budget has room at `now`, in ns of the fine
/// clock.
pub(crate) fn within_budget(now: u64) -> Option<Heap> {
    let heap = EPOCH.spend(now, clock::fine, jemalloc::heap).flatten()?;
    saw(&heap);
    Some(heap)
}

/// Stores what a refresh shows of memory outside jemalloc and of its bookkeeping.
fn saw(heap: &Heap) {
    let Some(Resident { rss, shared }) = resident::resident() else { return };
    METADATA.store(heap.metadata, Relaxed);
    // `resident` includes blocks that were never touched. If that makes it more than RSS, the
    // memory outside cannot be derived.
    if let Some(outside) = rss.checked_sub(heap.resident) {
        OUTSIDE.store(outside, Relaxed);
        PRIVATE_OUTSIDE.store(outside.saturating_sub(shared), Relaxed);
    }
}

/// Returns the memory of this process outside jemalloc at the last refresh, in bytes.
pub(crate) fn outside() -> Option<u64> {
    Some(OUTSIDE.load(Relaxed)).filter(|&outside| outside != ABSENT)
}

/// Returns the part of [`outside`] that is neither files nor shared memory, in bytes.
pub(crate) fn private_outside() -> u64 {
    PRIVATE_OUTSIDE.load(Relaxed)
}

/// Returns the size of jemalloc's own bookkeeping at the last refresh, in bytes.
pub(crate) fn metadata() -> u64 {
    METADATA.load(Relaxed)
}
