//! jemalloc's figures of the whole process, within a budget: to refresh them takes nearly every
//! lock of the allocator.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::runtime::readings::budget::Budget;
use crate::runtime::readings::proc::Resident;
use crate::runtime::readings::{clock, jemalloc, proc};
use crate::values::process::Heap;

/// The only one: events, the timeline and the watch share it.
static EPOCH: Budget = Budget::new();

/// Stands for a figure that cannot be had.
const ABSENT: u64 = u64::MAX;

/// Memory of this process that is not jemalloc's, as last seen: RSS less `resident`, and the
/// part of it that is neither files nor shared memory.
static OUTSIDE: AtomicU64 = AtomicU64::new(ABSENT);
static PRIVATE_OUTSIDE: AtomicU64 = AtomicU64::new(0);
/// jemalloc's own bookkeeping, as last seen.
static METADATA: AtomicU64 = AtomicU64::new(0);

/// Refreshes jemalloc's figures, if that keeps to the budget at `now`, by the fine clock.
pub(crate) fn within_budget(now: u64) -> Option<Heap> {
    let heap = EPOCH.spend(now, clock::fine, jemalloc::heap).flatten()?;
    saw(&heap);
    Some(heap)
}

/// Keeps what a refresh has told of memory outside jemalloc.
fn saw(heap: &Heap) {
    let Some(Resident { rss, shared }) = proc::resident() else { return };
    METADATA.store(heap.metadata, Relaxed);
    // Blocks that were never touched are in `resident` all the same: then RSS is less, and
    // nothing can be told.
    if let Some(outside) = rss.checked_sub(heap.resident) {
        OUTSIDE.store(outside, Relaxed);
        PRIVATE_OUTSIDE.store(outside.saturating_sub(shared), Relaxed);
    }
}

/// Memory of this process that is not jemalloc's, as last seen, bytes.
pub(crate) fn outside() -> Option<u64> {
    Some(OUTSIDE.load(Relaxed)).filter(|&outside| outside != ABSENT)
}

/// The part of it that is neither files nor shared memory, bytes.
pub(crate) fn private_outside() -> u64 {
    PRIVATE_OUTSIDE.load(Relaxed)
}

/// jemalloc's own bookkeeping, as last seen, bytes.
pub(crate) fn metadata() -> u64 {
    METADATA.load(Relaxed)
}
