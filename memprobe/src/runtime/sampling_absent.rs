//! Replaces `sampling.rs` where nothing is sampled: without the feature `live`, and where memprobe is
//! compiled out.

use crate::report::Live;
#[cfg(feature = "enabled")]
use crate::values::status::Sampling;
use crate::values::usage::Unavailable;

const WHY: Unavailable =
    if cfg!(feature = "enabled") { Unavailable::NotSampled } else { Unavailable::CompiledOut };

/// Returns an error, because nothing is sampled in this build.
///
/// # Errors
///
/// Always returns why, and what to add.
pub fn live() -> Result<Live, Unavailable> {
    Err(WHY)
}

/// Returns an error, because nothing is sampled in this build.
///
/// # Errors
///
/// Always returns why, and what to add.
pub fn set_active(_active: bool) -> Result<(), Unavailable> {
    Err(WHY)
}

/// Returns an error, because nothing is sampled in this build.
///
/// # Errors
///
/// Always returns why, and what to add.
pub fn set_interval(_bytes: u64) -> Result<(), Unavailable> {
    Err(WHY)
}

/// Does nothing, because nothing is sampled in this build.
pub fn set_stack_every(_every: u32) {}

/// Returns that allocations are not sampled, and what to add.
#[cfg(feature = "enabled")]
pub(crate) fn state() -> Sampling {
    Sampling::Unavailable(WHY)
}

/// Does nothing, because there are no samples.
#[cfg(feature = "enabled")]
pub(crate) fn look() {}
