//! Instructions per call, counted by callgrind: repeatable where times are not.

/// Calls that are counted of each case.
pub const CALLS: u64 = 10_000;
