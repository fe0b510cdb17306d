//! The values that describe the whole process and its limit.

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
    /// Bytes that jemalloc uses for its own bookkeeping.
    pub metadata: u64,
    /// Bytes in physically resident pages that jemalloc maps; not the process's RSS.
    pub resident: u64,
    /// Bytes in extents that jemalloc has mapped.
    pub mapped: u64,
    /// Bytes in mappings that jemalloc keeps for later use.
    pub retained: u64,
}

/// Figures of the whole process, read by [`process`](crate::process()). A figure that is not
/// available is `None`.
///
/// # Examples
///
/// ```
/// let process = memprobe::process();
/// if let (Some(used), Some(limit)) = (process.used(), &process.limit) {
///     println!("{used} of {} bytes", limit.bytes);
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Process {
    /// jemalloc's own figures; `None` if jemalloc is not the global allocator.
    pub heap: Option<Heap>,
    /// Resident set size, in bytes.
    pub rss: Option<u64>,
    /// Highest resident set size so far (`VmHWM`), in bytes.
    pub peak_rss: Option<u64>,
    /// The limit whose crossing kills the process; `None` if none was found.
    pub limit: Option<Limit>,
    /// Usage of the cgroup less its page cache, in bytes: memory that the kernel cannot take back
    /// before it kills. It includes other processes of the group, tmpfs and kernel memory, and
    /// excludes mapped files, which are in [`rss`](Process::rss).
    pub cgroup_usage: Option<u64>,
    /// The highest [`cgroup_usage`](Process::cgroup_usage) that is known, in bytes: the highest
    /// that memprobe has read, or this process's highest RSS less the files that it maps now,
    /// where that is more. It is never above the highest that the kernel has counted for the
    /// cgroup, which has page cache in it.
    pub cgroup_usage_max: Option<u64>,
    /// `RLIMIT_AS`, in bytes of address space. Exceeding it makes allocations fail and does not
    /// kill the process, so no percentage is taken of it.
    pub address_space_limit: Option<u64>,
    /// Physical memory of the machine, in bytes. No percentage is taken of it.
    pub physical_memory: Option<u64>,
}

impl Process {
    /// Returns the memory counted against the limit, in bytes: RSS, or if a cgroup sets the limit
    /// its [`cgroup_usage`](Process::cgroup_usage). If that cannot be read it is RSS again, which
    /// includes pages that a cgroup does not count.
    pub fn used(&self) -> Option<u64> {
        if self.is_limited_by_cgroup() { self.cgroup_usage.or(self.rss) } else { self.rss }
    }

    /// Returns the most memory that is known to have counted against the limit, in bytes:
    /// [`peak_rss`], or if a cgroup sets the limit [`cgroup_usage_max`]; or [`used`] if that is
    /// more. It may exceed the limit if that was lowered since.
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

    /// Returns `bytes` as a percentage of the limit. For a limit of a cgroup there is none if
    /// `bytes` exceed it, because they were counted against an earlier limit, and none if the usage
    /// could not be read, because RSS is no part of what the cgroup counts.
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
    /// The limit, in bytes.
    pub bytes: u64,
    /// Where it was found.
    pub source: LimitSource,
}

impl Limit {
    /// Returns a limit of `bytes` bytes, for [`Watch::limit`](crate::Watch::limit).
    ///
    /// # Examples
    ///
    /// ```
    /// let limit = memprobe::Limit::from_bytes(512 << 20);
    /// assert_eq!(limit.source, memprobe::process::LimitSource::Program);
    /// ```
    pub fn from_bytes(bytes: u64) -> Limit {
        Limit { bytes, source: LimitSource::Program }
    }
}

/// Where a limit was found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitSource {
    /// The environment variable `AWS_LAMBDA_FUNCTION_MEMORY_SIZE`.
    Lambda,
    /// This file of a cgroup: `memory.max` in version 2, `memory.limit_in_bytes` in version 1.
    Cgroup(PathBuf),
    /// A cgroup of version 1 above those that are visible: `hierarchical_memory_limit` in this
    /// file, `memory.stat`.
    CgroupAbove(PathBuf),
    /// The program, by [`Limit::from_bytes`].
    Program,
    /// A log that the command `memprobe` has read: a limit in the events of a process.
    Log {
        /// Whether the events say what a cgroup uses, which then stands against the limit.
        is_cgroup: bool,
    },
}

impl LimitSource {
    pub(crate) fn is_cgroup(&self) -> bool {
        let of_a_file = matches!(self, LimitSource::Cgroup(_) | LimitSource::CgroupAbove(_));
        of_a_file || matches!(self, LimitSource::Log { is_cgroup: true })
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
            LimitSource::Log { .. } => f.write_str("the log"),
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
