//! How a watch checks memory use, and why it may not be installed.

use std::fmt;

/// How an installed [`Watch`](crate::Watch) checks memory use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WatchMode {
    /// Inside the allocator, right after an allocation and before the program touches it. A call
    /// that never reaches its next point is reported too.
    Hook,
    /// At entries, probes and exits, because jemalloc 5.3.0 and other allocators cannot call back.
    Points,
    /// Not at all: `MEMPROBE_WATCH=off` is set, the platform has nothing to read, or memprobe is
    /// compiled out. Or there is no limit; the watch begins if the process's cgroup gets one later.
    #[default]
    Off,
}

/// Why a [`Watch`](crate::Watch) was not installed. These are mistakes in the program; what the
/// platform lacks shows in the [`WatchMode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WatchError {
    /// The thresholds are not one to eight numbers above 0 and up to 1.
    InvalidThresholds,
    /// A watch is installed already, for the rest of the process's life.
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
