//! How much memory the process is about to use, as cheaply as it can be known. Nothing here
//! allocates.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::runtime::readings::cgroup::{Group, UNLIMITED};
use crate::runtime::readings::proc::Resident;
use crate::runtime::readings::{clock, heap_stats, jemalloc, limit, proc};
use crate::values::process::Limit;

/// Reads what an estimate needs.
pub(crate) struct Estimator {
    /// The limit as it was read last; [`UNLIMITED`] if there is none.
    limit: AtomicU64,
    against: Against,
    /// What RSS had beside active bytes when it was last read, and what the cgroup had beside
    /// RSS: freed pages that jemalloc keeps, C libraries; tmpfs, the kernel, other processes.
    beside_active: AtomicU64,
    beside_rss: AtomicU64,
    /// When that was, by the coarse clock, and how much was active then.
    rss_read_at: AtomicU64,
    group_read_at: AtomicU64,
    active_then: AtomicU64,
}

/// What stands against the limit. A cgroup does not count the process's files, which are cache:
/// then RSS is without what is shared, and the cgroup has shared memory.
enum Against {
    Rss,
    /// The usage of the cgroup that sets a limit which the program has given.
    Group(Group),
    /// The usage of the cgroups that set the limit which was found, and may set another.
    Groups,
}

impl Against {
    fn is_group(&self) -> bool {
        !matches!(self, Against::Rss)
    }
}

/// What the process is about to use, and what that was made of; bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Estimate {
    pub bytes: u64,
    /// Active bytes of jemalloc, untouched ones too.
    pub active: Option<u64>,
    pub rss: Option<u64>,
    /// Usage of the cgroup less its page cache.
    pub group: Option<u64>,
    /// What the cgroup holds beside the process, if anything.
    pub beside: Option<u64>,
    /// What the process has outside jemalloc, as last seen.
    pub outside: Option<u64>,
}

/// What is not in any figure yet, bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Upcoming {
    /// About to be allocated.
    pub allocated: u64,
    /// About to be touched at once.
    pub touched: u64,
}

/// RSS may have moved without any allocation after so many ns; or after the active bytes have
/// moved by this part of the limit.
const STALE: u64 = 10_000_000;
const MOVED: u64 = 64;

impl Estimator {
    /// For a limit that the program has given.
    pub fn of(limit: &Limit) -> Estimator {
        let against = Group::of(limit).map_or(Against::Rss, Against::Group);
        Estimator::new(limit.bytes, against)
    }

    /// For the limit that was found, if there is one. Where the cgroups set it, or may set one,
    /// it is read again and again.
    pub fn of_found(limit: Option<&Limit>) -> Estimator {
        let is_cgroups = limit.is_none_or(|limit| limit.source.is_cgroup());
        let against = if is_cgroups { Against::Groups } else { Against::Rss };
        Estimator::new(limit.map_or(UNLIMITED, |limit| limit.bytes), against)
    }

    fn new(limit: u64, against: Against) -> Estimator {
        Estimator {
            limit: AtomicU64::new(limit),
            against,
            beside_active: AtomicU64::new(0),
            beside_rss: AtomicU64::new(0),
            rss_read_at: AtomicU64::new(0),
            group_read_at: AtomicU64::new(0),
            active_then: AtomicU64::new(0),
        }
    }

    /// The limit as it was read last; [`UNLIMITED`] if there is none.
    pub fn limit(&self) -> u64 {
        self.limit.load(Relaxed)
    }

    /// Whether there is something that may set a limit.
    pub fn may_be_limited(&self) -> bool {
        matches!(self.against, Against::Groups) && limit::read().is_some()
    }

    /// Reads the usage of the cgroup, and its limit where that may have changed.
    fn read_group(&self) -> Option<u64> {
        match &self.against {
            Against::Rss => None,
            Against::Group(group) => group.usage(),
            Against::Groups => {
                let reading = limit::read()?;
                self.limit.store(reading.limit, Relaxed);
                reading.usage
            }
        }
    }

    /// What the process might be about to use, by active bytes alone; more rather than less.
    /// `None` where RSS must be read anew.
    pub fn guess(&self) -> Option<u64> {
        let active = jemalloc::active()?;
        let moved = active.abs_diff(self.active_then.load(Relaxed));
        let age = clock::coarse().saturating_sub(self.rss_read_at.load(Relaxed));
        if moved > self.limit() / MOVED || age > STALE {
            return None;
        }
        let beside = self.beside_active.load(Relaxed) + self.beside_rss.load(Relaxed);
        Some(active.saturating_add(beside))
    }

    /// How far a guess may be off between two readings.
    pub fn margin(&self) -> u64 {
        self.limit() / (MOVED / 2)
    }

    /// Reads RSS, and the cgroup with its limit if that was long ago or `whole` is asked for.
    pub fn read(&self, upcoming: &Upcoming, whole: bool) -> Estimate {
        let now = clock::coarse();
        let active = jemalloc::active();
        let resident = proc::resident();
        let own = resident.map_or(0, |Resident { rss, shared }| {
            if self.against.is_group() { rss.saturating_sub(shared) } else { rss }
        });
        self.rss_read_at.store(now, Relaxed);
        let mut group = None;
        if whole || now.saturating_sub(self.group_read_at.load(Relaxed)) > STALE {
            group = self.read_group();
            let beside = group.map_or(0, |group| group.saturating_sub(own));
            self.beside_rss.store(beside, Relaxed);
            self.group_read_at.store(now, Relaxed);
        }
        let beside = self.beside_rss.load(Relaxed);
        let outside = heap_stats::outside();
        let private = heap_stats::private_outside;
        let rest = if self.against.is_group() { private() } else { outside.unwrap_or(0) };
        let rest = rest.saturating_add(heap_stats::metadata());
        // Freed pages that jemalloc keeps are used again: they are in RSS, and in nothing else.
        let needed = active.map_or(own, |active| active.saturating_add(rest));
        if let Some(active) = active {
            self.beside_active.store(own.saturating_sub(active).max(rest), Relaxed);
            self.active_then.store(active, Relaxed);
        }
        let bytes =
            needed.saturating_add(upcoming.allocated).max(own.saturating_add(upcoming.touched));
        Estimate {
            bytes: bytes.saturating_add(beside),
            active,
            rss: resident.map(|resident| resident.rss),
            group,
            beside: Some(beside).filter(|&beside| beside > 0),
            outside,
        }
    }
}
