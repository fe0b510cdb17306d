//! Estimates how much memory the process is about to use, from the cheapest readings that show it.
//! Nothing here allocates.

use crate::runtime::readings::cgroup::{Group, UNLIMITED};
use crate::runtime::readings::resident::Resident;
use crate::runtime::readings::{clock, heap_stats, jemalloc, limit, resident};
use crate::runtime::sync::atomic::{
    AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use crate::values::process::Limit;

/// Takes the readings that an estimate needs, and remembers the expensive ones.
pub(crate) struct Estimator {
    /// The limit as it was read last; [`UNLIMITED`] if there is none.
    limit: AtomicU64,
    against: Against,
    /// RSS beyond active bytes when RSS was last read: freed pages that jemalloc keeps, C
    /// libraries.
    beside_active: AtomicU64,
    /// Usage of the cgroup beyond RSS when it was last read: tmpfs, the kernel, other processes.
    beside_rss: AtomicU64,
    /// When RSS and the cgroup were last read, in ns by the coarse clock.
    rss_read_at: AtomicU64,
    group_read_at: AtomicU64,
    /// Active bytes when RSS was last read.
    active_then: AtomicU64,
}

/// Which memory counts against the limit. A cgroup treats the process's files as cache, so with a
/// cgroup RSS is taken without shared pages; shared memory is in the cgroup's usage.
enum Against {
    Rss,
    /// The usage of the cgroup that sets the limit, for a limit that the program gave.
    Group(Group),
    /// The usage of the process's cgroups, for a limit that was found; they may set another one.
    Groups,
}

impl Against {
    fn is_group(&self) -> bool {
        !matches!(self, Against::Rss)
    }
}

/// What the process is about to use, and the readings behind it, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Estimate {
    pub bytes: u64,
    /// Active bytes of jemalloc, including untouched ones.
    pub active: Option<u64>,
    pub rss: Option<u64>,
    /// Usage of the cgroup less its page cache.
    pub group: Option<u64>,
    /// What the cgroup holds beside the process; `None` for 0.
    pub beside: Option<u64>,
    /// What the process has outside jemalloc, as last read.
    pub outside: Option<u64>,
}

/// Memory about to be used that no reading includes yet, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Upcoming {
    /// About to be allocated.
    pub allocated: u64,
    /// About to be touched, which makes it resident.
    pub touched: u64,
}

/// A reading of RSS or of the cgroup is stale after this many ns.
const STALE: u64 = 10_000_000;
/// A reading of RSS is also stale once active bytes have moved by `limit / MOVED`.
const MOVED: u64 = 64;

impl Estimator {
    /// Returns the estimator for a limit that the program gave.
    pub fn of(limit: &Limit) -> Estimator {
        let against = Group::of(limit).map_or(Against::Rss, Against::Group);
        Estimator::new(limit.bytes, against)
    }

    /// Returns the estimator for the limit that was found, if there is one. Where cgroups set it,
    /// or may set one later, the limit is read again together with their usage.
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

    /// Returns the limit as it was read last; [`UNLIMITED`] if there is none.
    pub fn limit(&self) -> u64 {
        self.limit.load(Relaxed)
    }

    /// Whether the process has cgroups that can be read and may set a limit.
    pub fn may_be_limited(&self) -> bool {
        matches!(self.against, Against::Groups) && limit::read().is_some()
    }

    /// Reads the usage of the cgroup, and its limit unless the program gave one.
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

    /// Guesses what the process uses from active bytes alone: too much rather than too little.
    /// `None` if the last reading of RSS is stale.
    pub fn guess(&self) -> Option<u64> {
        let read_at = self.rss_read_at.load(Acquire);
        let active = jemalloc::active()?;
        let moved = active.abs_diff(self.active_then.load(Relaxed));
        let age = clock::coarse().saturating_sub(read_at);
        if moved > self.limit() / MOVED || age > STALE {
            return None;
        }
        let beside = self.beside_active.load(Relaxed) + self.beside_rss.load(Relaxed);
        Some(active.saturating_add(beside))
    }

    /// Returns how far a guess may be off between two readings, in bytes.
    pub fn margin(&self) -> u64 {
        self.limit() / (MOVED / 2)
    }

    /// Reads RSS, and the cgroup with its limit if that reading is stale or `whole` is set.
    pub fn read(&self, upcoming: &Upcoming, whole: bool) -> Estimate {
        let now = clock::coarse();
        let active = jemalloc::active();
        let resident = resident::resident();
        let own = resident.map_or(0, |Resident { rss, shared }| {
            if self.against.is_group() { rss.saturating_sub(shared) } else { rss }
        });
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
        if let Some(active) = active {
            self.beside_active.store(own.saturating_sub(active).max(rest), Relaxed);
            self.active_then.store(active, Relaxed);
        }
        // Last: a guess that sees the time must see the figures of that time.
        self.rss_read_at.store(now, Release);
        Estimate {
            bytes: about_to_use(own, active, rest, upcoming).saturating_add(beside),
            active,
            rss: resident.map(|resident| resident.rss),
            group,
            beside: Some(beside).filter(|&beside| beside > 0),
            outside,
        }
    }
}

/// Returns what the process itself is about to use, in bytes: the larger of what is resident (`own`)
/// and of what jemalloc has given out (`active`), touched or not, with the `rest` of the process
/// that is not jemalloc's. The freed pages that jemalloc keeps are only in the former: it uses them
/// again before it maps more.
fn about_to_use(own: u64, active: Option<u64>, rest: u64, upcoming: &Upcoming) -> u64 {
    let needed = active.map_or(own, |active| active.saturating_add(rest));
    needed.saturating_add(upcoming.allocated).max(own.saturating_add(upcoming.touched))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Upcoming = Upcoming { allocated: 0, touched: 0 };

    #[test]
    fn untouched_memory_counts_and_freed_pages_that_are_kept_are_used_again() {
        // 100 given out, of which 60 are resident.
        assert_eq!(about_to_use(60, Some(100), 5, &NOTHING), 105);
        // 40 given out, and 60 more that were freed are resident still.
        assert_eq!(about_to_use(100, Some(40), 5, &NOTHING), 100);
        let block = Upcoming { allocated: 50, touched: 0 };
        assert_eq!(about_to_use(100, Some(40), 5, &block), 100, "it goes into freed pages");
        assert_eq!(about_to_use(100, Some(90), 5, &block), 145);
    }

    #[test]
    fn a_block_that_is_copied_is_touched_at_once() {
        let copy = Upcoming { allocated: 30, touched: 20 };
        assert_eq!(about_to_use(100, Some(40), 5, &copy), 120);
    }

    #[test]
    fn without_active_bytes_what_is_resident_counts() {
        let block = Upcoming { allocated: 30, touched: 0 };
        assert_eq!(about_to_use(100, None, 5, &block), 130);
        assert_eq!(about_to_use(u64::MAX, Some(u64::MAX), 1, &block), u64::MAX, "no overflow");
    }
}
