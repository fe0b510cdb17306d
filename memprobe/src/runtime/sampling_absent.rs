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
