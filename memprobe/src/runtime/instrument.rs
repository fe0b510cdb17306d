//! What the attribute expands to, and the functions for code that cannot carry it: here a call goes
//! through all layers.
//!
//! - [`call`]: entry, probe and exit of one call.
//! - [`future`]: the future that reads around each poll of another.
//! - [`scope`]: calls of what cannot carry an attribute. [`carry`]: work elsewhere that counts for
//!   a call. [`measure`]: exact figures of a piece of work.

pub(crate) mod call;
pub(crate) mod carry;
pub(crate) mod future;
pub(crate) mod measure;
pub(crate) mod scope;
