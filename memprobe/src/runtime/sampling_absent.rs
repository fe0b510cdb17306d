//! Replaces `sampling.rs` where the feature `live` is missing.

use crate::report::Live;
use crate::values::status::Sampling;
use crate::values::usage::Unavailable;

/// Returns an error, because memprobe was built without its feature `live`.
///
/// # Errors
///
/// Always returns [`Unavailable::NotSampled`].
pub fn live() -> Result<Live, Unavailable> {
    Err(Unavailable::NotSampled)
}

/// Returns that allocations are not sampled, and what to add.
pub(crate) fn state() -> Sampling {
    Sampling::Unavailable(Unavailable::NotSampled)
}

/// Does nothing, because there are no samples.
pub(crate) fn look() {}

/// Returns an error, because memprobe was built without its feature `live`.
///
/// # Errors
///
/// Always returns [`Unavailable::NotSampled`].
pub fn set_active(_active: bool) -> Result<(), Unavailable> {
    Err(Unavailable::NotSampled)
}

/// Returns an error, because memprobe was built without its feature `live`.
///
/// # Errors
///
/// Always returns [`Unavailable::NotSampled`].
pub fn set_interval(_bytes: u64) -> Result<(), Unavailable> {
    Err(Unavailable::NotSampled)
}

/// Does nothing, because memprobe was built without its feature `live`.
pub fn set_stack_every(_every: u32) {}
