//! How much memory the process is about to use, as cheaply as it can be known. Nothing here
//! allocates.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::process::{Heap, Limit};
use crate::system::GroupUsage;
use crate::{clock, jemalloc, system};

/// Stands for a figure that cannot be had.
const ABSENT: u64 = u64::MAX;

/// A figure that any thread may read and write.
struct Figure(AtomicU64);

impl Figure {
    const fn absent() -> Figure {
        Figure(AtomicU64::new(ABSENT))
    }

    fn get(&self) -> Option<u64> {
        Some(self.0.load(Relaxed)).filter(|&bytes| bytes != ABSENT)
    }

    fn set(&self, figure: Option<u64>) {
        self.0.store(figure.unwrap_or(ABSENT), Relaxed);
    }
}

/// Memory of this process that is not jemalloc's, as last seen: RSS less `resident`.
static OUTSIDE: Figure = Figure::absent();
/// jemalloc's own bookkeeping, as last seen.
static METADATA: Figure = Figure::absent();

/// Keeps what a refresh of jemalloc's figures has told.
pub(crate) fn saw(heap: &Heap, rss: u64) {
    METADATA.set(Some(heap.metadata));
    // Blocks that were never touched are in `resident` all the same: then RSS is less, and
    // nothing can be told.
    if let Some(outside) = rss.checked_sub(heap.resident) {
        OUTSIDE.set(Some(outside));
    }
}

/// Reads what an estimate needs.
pub(crate) struct Gauge {
    limit: u64,
    group: Option<GroupUsage>,
    /// What RSS had beside active bytes when it was last read, and what the cgroup had beside
    /// RSS: freed pages that jemalloc keeps, C libraries; tmpfs, the kernel, other processes.
    beside_active: AtomicU64,
    beside_rss: AtomicU64,
    /// When that was, by the coarse clock, and how much was active then.
    rss_read_at: AtomicU64,
    group_read_at: AtomicU64,
    active_then: AtomicU64,
}

/// What the process is about to use, and what that was made of; bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Estimate {
    pub bytes: u64,
    /// Active bytes of jemalloc, untouched ones too.
    pub active: Option<u64>,
    pub rss: Option<u64>,
    /// Usage of the cgroup less its reclaimable cache.
    pub group: Option<u64>,
    /// What the cgroup holds beside the process, if anything.
    pub beside: Option<u64>,
    /// What the process has outside jemalloc, as last seen.
    pub outside: Option<u64>,
}

/// What is not in any figure yet, bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Coming {
    /// About to be allocated.
    pub allocated: u64,
    /// About to be touched at once.
    pub touched: u64,
}

/// RSS may have moved without any allocation after so many ns; or after the active bytes have
/// moved by this part of the limit.
const STALE: u64 = 10_000_000;
const MOVED: u64 = 64;

impl Gauge {
    pub fn new(limit: &Limit) -> Gauge {
        Gauge {
            limit: limit.bytes,
            group: GroupUsage::of(limit),
            beside_active: AtomicU64::new(0),
            beside_rss: AtomicU64::new(0),
            rss_read_at: AtomicU64::new(0),
            group_read_at: AtomicU64::new(0),
            active_then: AtomicU64::new(0),
        }
    }

    /// What the process might be about to use, by active bytes alone; more rather than less.
    /// `None` where RSS must be read anew.
    pub fn guess(&self) -> Option<u64> {
        let active = jemalloc::active()?;
        let moved = active.abs_diff(self.active_then.load(Relaxed));
        let age = clock::coarse().saturating_sub(self.rss_read_at.load(Relaxed));
        if moved > self.limit / MOVED || age > STALE {
            return None;
        }
        let beside = self.beside_active.load(Relaxed) + self.beside_rss.load(Relaxed);
        Some(active.saturating_add(beside))
    }

    /// How far a guess may be off between two readings.
    pub fn margin(&self) -> u64 {
        self.limit / (MOVED / 2)
    }

    /// Reads RSS, and the cgroup if that was long ago or `whole` is asked for.
    pub fn read(&self, coming: &Coming, whole: bool) -> Estimate {
        let now = clock::coarse();
        let active = jemalloc::active();
        let rss = system::rss();
        self.rss_read_at.store(now, Relaxed);
        let mut group = None;
        if whole || now.saturating_sub(self.group_read_at.load(Relaxed)) > STALE {
            group = self.group.as_ref().and_then(GroupUsage::read);
            let beside = group.zip(rss).map_or(0, |(group, rss)| group.saturating_sub(rss));
            self.beside_rss.store(beside, Relaxed);
            self.group_read_at.store(now, Relaxed);
        }
        let beside = self.beside_rss.load(Relaxed);
        let outside = OUTSIDE.get();
        let rest = outside.unwrap_or(0).saturating_add(METADATA.get().unwrap_or(0));
        if let Some(active) = active {
            let beside_active = rss.unwrap_or(0).saturating_sub(active).max(rest);
            self.beside_active.store(beside_active, Relaxed);
            self.active_then.store(active, Relaxed);
        }
        // Freed pages that jemalloc keeps are used again: they are in RSS, and in nothing else.
        let needed = active.map(|active| active.saturating_add(rest)).or(rss).unwrap_or(0);
        let bytes = needed.saturating_add(coming.allocated);
        let bytes = bytes.max(rss.unwrap_or(0).saturating_add(coming.touched));
        Estimate {
            bytes: bytes.saturating_add(beside),
            active,
            rss,
            group,
            beside: self.group.as_ref().and(rss).map(|_| beside).filter(|&beside| beside > 0),
            outside,
        }
    }
}
