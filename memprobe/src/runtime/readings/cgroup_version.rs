//! The two versions of memory cgroups and the names of their files.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V1,
    V2,
}

impl Version {
    pub fn limit_file(self) -> &'static str {
        match self {
            Version::V1 => "memory.limit_in_bytes",
            Version::V2 => "memory.max",
        }
    }

    pub fn usage_file(self) -> &'static str {
        match self {
            Version::V1 => "memory.usage_in_bytes",
            Version::V2 => "memory.current",
        }
    }

    pub fn highest_file(self) -> &'static str {
        match self {
            Version::V1 => "memory.max_usage_in_bytes",
            Version::V2 => "memory.peak",
        }
    }

    /// Returns the fields of `memory.stat` that count page cache, first inactive, then active. The
    /// kernel reclaims both before it kills a process.
    pub fn file_caches(self) -> [&'static str; 2] {
        match self {
            Version::V1 => ["total_inactive_file ", "total_active_file "],
            Version::V2 => ["inactive_file ", "active_file "],
        }
    }

    /// Returns the places where systems usually mount it.
    pub fn usual_mounts(self) -> &'static [&'static str] {
        match self {
            Version::V1 => &["/sys/fs/cgroup/memory"],
            Version::V2 => &["/sys/fs/cgroup", "/sys/fs/cgroup/unified"],
        }
    }
}
