//! Figures where they come from: jemalloc, the kernel, the clocks.
//!
//! - Of a thread: [`jemalloc`] has its two counters and its one peak slot, [`thread`] makes the
//!   *logical* counters of them, without what memprobe itself spends. These are nearly free.
//! - Of the process: [`resident`] has RSS, and [`heap_stats`] jemalloc's figures, which are dear and
//!   kept to a [`budget`].
//! - Of single blocks, with the feature `live`: `samples` has those that jemalloc samples, and
//!   `sample_hooks` what it calls.
//! - Of the limit: [`mounts`] finds the cgroups, [`cgroup`] reads them, [`limit`] follows what
//!   changes, and [`system`] makes a value of all.
//!
//! A reading that cannot be had is `None`.

pub(crate) mod budget;
pub(crate) mod bytes;
pub(crate) mod cgroup;
pub(crate) mod cgroup_version;
pub(crate) mod clock;
pub(crate) mod errno;
pub(crate) mod fork;
pub(crate) mod heap_stats;
#[cfg_attr(
    any(windows, target_family = "wasm", memprobe_loom),
    path = "readings/jemalloc_absent.rs"
)]
pub(crate) mod jemalloc;
pub(crate) mod limit;
#[cfg(not(any(windows, target_family = "wasm", memprobe_loom)))]
pub(crate) mod mallctl;
pub(crate) mod mounts;
pub(crate) mod pages;
pub(crate) mod proc;
pub(crate) mod resident;
#[cfg(feature = "live")]
pub(crate) mod sample_hooks;
#[cfg(feature = "live")]
#[cfg_attr(
    any(windows, target_family = "wasm", memprobe_loom),
    path = "readings/samples_absent.rs"
)]
pub(crate) mod samples;
pub(crate) mod shard;
pub(crate) mod system;
pub(crate) mod thread;
#[cfg(not(any(windows, target_family = "wasm", memprobe_loom)))]
pub(crate) mod thread_counters;
#[cfg(all(target_env = "musl", any(feature = "live", feature = "profiling")))]
pub(crate) mod unwind;
pub(crate) mod utc;
