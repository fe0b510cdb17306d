//! Figures of the whole process, as values.

use std::fmt;
use std::path::PathBuf;

use crate::format::units::percent;

/// jemalloc's figures for the whole process, in bytes, under jemalloc's own names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Heap {
    /// Bytes allocated by the program (memory in thread caches counts as allocated).
    pub allocated: u64,
    /// Bytes in pages that hold at least one allocation.
    pub active: u64,
    /// Bytes jemalloc uses for its own bookkeeping.
    pub metadata: u64,
    /// Bytes in physically resident pages that jemalloc maps; not the process's RSS.
    pub resident: u64,
    /// Bytes in extents that jemalloc has mapped.
    pub mapped: u64,
    /// Bytes in mappings that jemalloc keeps for later use.
    pub retained: u64,
}

/// Figures of the whole process. A figure that cannot be had is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Process {
    /// jemalloc's own figures; `None` where jemalloc is not the global allocator.
    pub heap: Option<Heap>,
    /// Resident set size, bytes.
    pub rss: Option<u64>,
    /// Highest resident set size so far (`VmHWM`), bytes.
    pub peak_rss: Option<u64>,
    /// What the process is killed at.
    pub limit: Option<Limit>,
    /// The usage of the cgroup less its page cache, bytes: what the kernel cannot take back
    /// before it kills. It counts other processes of the group, tmpfs and kernel memory too,
    /// and does not count mapped files, which are in [`rss`](Process::rss).
    pub cgroup_usage: Option<u64>,
    /// The highest [`cgroup_usage`](Process::cgroup_usage) that is known of, bytes: the highest
    /// that memprobe has read, or this process's highest RSS less the files that it maps now,
    /// where that is more. It is never above the highest that the kernel has counted for the
    /// cgroup, which has page cache in it.
    pub cgroup_usage_max: Option<u64>,
    /// `RLIMIT_AS`, bytes of address space. Exceeding it makes allocations fail; it does not
    /// kill, so it enters no percentage.
    pub address_space_limit: Option<u64>,
    /// Physical memory of the machine, bytes. Enters no percentage.
    pub physical_memory: Option<u64>,
}

impl Process {
    /// What stands against the limit, bytes: RSS, and where a cgroup sets the limit the
    /// [`cgroup_usage`](Process::cgroup_usage). RSS has pages that a cgroup does not count; it
    /// stands for the usage only where that cannot be read.
    pub fn used(&self) -> Option<u64> {
        if self.is_limited_by_cgroup() { self.cgroup_usage.or(self.rss) } else { self.rss }
    }

    /// The highest that is known to have stood against the limit, bytes: [`peak_rss`], and where
    /// a cgroup sets the limit [`cgroup_usage_max`]; or what is [`used`] now where that is more.
    /// It may be above a limit that was lowered since.
    ///
    /// [`peak_rss`]: Process::peak_rss
    /// [`cgroup_usage_max`]: Process::cgroup_usage_max
    /// [`used`]: Process::used
    pub fn peak_used(&self) -> Option<u64> {
        let counted = self.is_limited_by_cgroup() && self.cgroup_usage.is_some();
        let highest = if counted { self.cgroup_usage_max } else { self.peak_rss };
        highest.max(self.used())
    }

    pub(crate) fn is_limited_by_cgroup(&self) -> bool {
        self.limit.as_ref().is_some_and(|limit| limit.source.is_cgroup())
    }

    /// The percentage of the limit that these bytes, which stand against it, are. A cgroup never
    /// counts more than its limit: more stood against another one. RSS has none there.
    pub(crate) fn percent_of_limit(&self, bytes: u64) -> Option<u128> {
        let limit = self.limit.as_ref()?.bytes;
        let is_part = self.cgroup_usage.is_some() && bytes <= limit;
        percent(bytes, limit).filter(|_| is_part || !self.is_limited_by_cgroup())
    }
}

/// A limit whose crossing kills the process.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limit {
    /// Bytes.
    pub bytes: u64,
    /// Where it was found.
    pub source: LimitSource,
}

impl Limit {
    /// A limit that the program knows of.
    pub fn from_bytes(bytes: u64) -> Limit {
        Limit { bytes, source: LimitSource::Program }
    }
}

/// Where a limit was found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitSource {
    /// `AWS_LAMBDA_FUNCTION_MEMORY_SIZE`.
    Lambda,
    /// A cgroup's file, version 2 (`memory.max`) or 1 (`memory.limit_in_bytes`).
    Cgroup(PathBuf),
    /// A cgroup above those that can be seen, version 1: `hierarchical_memory_limit` in this
    /// file (`memory.stat`).
    CgroupAbove(PathBuf),
    /// The program gave it: [`Limit::from_bytes`].
    Program,
}

impl LimitSource {
    pub(crate) fn is_cgroup(&self) -> bool {
        matches!(self, LimitSource::Cgroup(_) | LimitSource::CgroupAbove(_))
    }
}

impl fmt::Display for LimitSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LimitSource::Lambda => f.write_str("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
            LimitSource::Cgroup(file) => file.display().fmt(f),
            LimitSource::CgroupAbove(file) => {
                write!(f, "hierarchical_memory_limit in {}", file.display())
            }
            LimitSource::Program => f.write_str("the program"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn process(source: LimitSource) -> Process {
        Process {
            rss: Some(258 * MIB),
            peak_rss: Some(260 * MIB),
            cgroup_usage: Some(248 * MIB),
            cgroup_usage_max: Some(255 * MIB),
            limit: Some(Limit { bytes: 256 * MIB, source }),
            ..Process::default()
        }
    }

    #[test]
    fn against_the_limit_of_a_cgroup_stands_what_the_cgroup_counts() {
        let file = || "/sys/fs/cgroup/memory.max".into();
        for source in [LimitSource::Cgroup(file()), LimitSource::CgroupAbove(file())] {
            let mut process = process(source);
            assert_eq!(process.used(), Some(248 * MIB));
            assert_eq!(process.peak_used(), Some(255 * MIB));
            assert_eq!(process.percent_of_limit(255 * MIB), Some(99));
            process.cgroup_usage = None;
            assert_eq!(process.used(), Some(258 * MIB), "there is nothing else");
            assert_eq!(process.percent_of_limit(258 * MIB), None, "but it is no part of it");
        }
    }

    #[test]
    fn against_any_other_limit_stands_rss() {
        for source in [LimitSource::Lambda, LimitSource::Program] {
            let process = process(source);
            assert_eq!((process.used(), process.peak_used()), (Some(258 * MIB), Some(260 * MIB)));
            assert_eq!(process.percent_of_limit(260 * MIB), Some(101), "it was exceeded");
        }
    }
}
