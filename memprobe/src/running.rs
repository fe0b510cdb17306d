//! A call that runs, as a value.

use std::time::Duration;

/// A call that runs now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InFlight {
    /// Its path, or the name that its attribute gives.
    pub function: &'static str,
    /// The label that it has passed last; `entry` before the first.
    pub after: &'static str,
    /// How long it has run, with its awaits; to within a tick of the kernel, mostly 1 to 4 ms.
    pub age: Duration,
    /// Its net without that of nested calls that run as well, bytes: what the call itself
    /// holds. `None` where jemalloc is not the global allocator.
    pub held: Option<i64>,
    /// Its net, with that of nested calls, bytes.
    pub net: Option<i64>,
    /// Its highest net so far, bytes.
    pub peak: Option<u64>,
}
