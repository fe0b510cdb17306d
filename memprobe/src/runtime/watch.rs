//! The watch: one line before the kernel kills the process.
//!
//! 1. People set it up by [`setup`]. jemalloc calls the [`monitor`] back after an allocation, before the program touches it.
//! 2. The [`estimator`] estimates what the process is about to use, from what is cheap.
//! 3. If that crosses one of the [`thresholds`], [`line`] reports it on stderr: who asked, who holds
//!    ([`holders`]), and what finished calls have kept ([`kept`]), or with the feature `live` who
//!    owns the live memory.
//! 4. At the next point outside the allocator [`event`] reports it through `tracing`.
//!
//! Nothing of 1 to 3 allocates, takes a lock that others hold while they allocate, or calls
//! `tracing`.

pub(crate) mod estimator;
pub(crate) mod event;
mod groups;
pub(crate) mod holders;
pub(crate) mod kept;
pub(crate) mod line;
#[cfg(feature = "live")]
mod line_owners;
pub(crate) mod monitor;
#[cfg(feature = "live")]
pub(crate) mod owners;
#[cfg(feature = "pprof")]
mod pprof;
#[cfg(feature = "profiling")]
pub(crate) mod profiles;
pub(crate) mod setup;
pub(crate) mod thresholds;
