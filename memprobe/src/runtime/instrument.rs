//! What the attribute expands to, and the functions for code that cannot carry it: here a call goes
//! through all layers.
//!
//! - [`call`]: entry and exit of one call. [`probe`]: the end of a segment.
//! - [`future`]: the future that reads around each poll of another.
//! - `shared_call`: a call that is entered in parts, on whatever threads: of a span, or a request.
//! - [`scope`]: calls of what cannot carry an attribute. [`carry`]: work elsewhere that counts for
//!   a call. [`measure`]: exact figures of a piece of work.

pub(crate) mod call;
pub(crate) mod carry;
pub(crate) mod function;
pub(crate) mod future;
pub(crate) mod measure;
pub(crate) mod probe;
pub(crate) mod scope;
#[cfg(any(feature = "spans", feature = "tower"))]
pub(crate) mod shared_call;
