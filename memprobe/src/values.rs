//! What memprobe tells of the process and of calls, as values: always compiled, and nothing here
//! knows how it is measured.

#[cfg(feature = "metrics")]
pub(crate) mod buckets;
pub(crate) mod in_flight;
pub(crate) mod process;
pub(crate) mod status;
pub(crate) mod usage;
pub(crate) mod watch_mode;
