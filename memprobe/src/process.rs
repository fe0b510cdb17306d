//! Figures of the whole process, as values.

use std::fmt;
use std::path::PathBuf;

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
    pub rss_max: Option<u64>,
    /// What the process is killed at.
    pub limit: Option<Limit>,
    /// The usage of the cgroup less its reclaimable cache, bytes: what the kernel holds
    /// against the cgroup's limit. Counts other processes of the group, tmpfs and kernel
    /// memory too.
    pub cgroup_usage: Option<u64>,
    /// `RLIMIT_AS`, bytes of address space. Exceeding it makes allocations fail; it does not
    /// kill, so it enters no percentage.
    pub address_space_limit: Option<u64>,
    /// Physical memory of the machine, bytes. Enters no percentage.
    pub physical: Option<u64>,
}

impl Process {
    /// What stands against the limit, bytes: RSS, and where a cgroup sets the limit the
    /// larger of RSS and the cgroup's usage.
    pub fn used(&self) -> Option<u64> {
        match &self.limit {
            Some(Limit { source: LimitSource::Cgroup(_), .. }) => self.rss.max(self.cgroup_usage),
            _ => self.rss,
        }
    }

    /// The highest that is known to have stood against the limit, bytes: [`rss_max`], or what
    /// is [`used`] now where that is more.
    ///
    /// [`rss_max`]: Process::rss_max
    /// [`used`]: Process::used
    pub fn highest(&self) -> Option<u64> {
        self.rss_max.max(self.used())
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

/// Where a limit was found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitSource {
    /// `AWS_LAMBDA_FUNCTION_MEMORY_SIZE`.
    Lambda,
    /// A cgroup's file, version 2 (`memory.max`) or 1 (`memory.limit_in_bytes`).
    Cgroup(PathBuf),
}

impl fmt::Display for LimitSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LimitSource::Lambda => f.write_str("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
            LimitSource::Cgroup(file) => file.display().fmt(f),
        }
    }
}
