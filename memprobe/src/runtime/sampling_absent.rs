//! Replaces `sampling.rs` where the feature `live` is missing.

use crate::report::Live;
use crate::values::usage::Unavailable;

/// Returns an error, because memprobe was built without its feature `live`.
///
/// # Errors
///
/// Always returns [`Unavailable::NotSampled`].
pub fn live() -> Result<Live, Unavailable> {
    Err(Unavailable::NotSampled)
}
