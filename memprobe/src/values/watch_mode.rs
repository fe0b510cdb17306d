//! How a watch looks, and why it cannot be installed.

use std::fmt;

/// How an installed [`Watch`](crate::Watch) looks at the memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WatchMode {
    /// From inside the allocator, right after an allocation and before the program touches it:
    /// a call that never comes to its next point is named too.
    Hook,
    /// At entries, probes and exits: jemalloc 5.3.0 or another allocator cannot call back.
    Points,
    /// Not at all: `MEMPROBE_WATCH=off`, nothing to read on this platform, or memprobe is
    /// compiled out. Or there is no limit: should the process's cgroup be given one later, the
    /// watch begins then.
    #[default]
    Off,
}

/// Why a [`Watch`](crate::Watch) was not installed: mistakes of the program, and never what
/// the platform lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WatchError {
    /// The thresholds are not one to eight numbers above 0 and up to 1.
    InvalidThresholds,
    /// There is one already; it lives as long as the process.
    AlreadyInstalled,
}

impl fmt::Display for WatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WatchError::InvalidThresholds => {
                "the thresholds of a watch are one to eight parts of the limit, above 0 and up to 1, \
                 as in `.thresholds([0.80, 0.90, 0.95])`"
            }
            WatchError::AlreadyInstalled => {
                "a watch was installed before: there is one, and it lives as long as the process"
            }
        })
    }
}

impl std::error::Error for WatchError {}
