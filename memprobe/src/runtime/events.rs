//! The `tracing` events at points of calls.
//!
//! 1. [`rate_limit`] and [`ceiling`] say whether there is one, and how many were passed over.
//! 2. A [`callsite`] knows whether anybody wants it.
//! 3. [`figures`] are what it is made from, [`line`] is its message for people.
//! 4. [`event`] puts the fields together and dispatches.
//!
//! Between the question whether it is enabled and the dispatch nothing calls `tracing`.

pub(crate) mod callsite;
pub(crate) mod ceiling;
pub(crate) mod event;
pub(crate) mod fields;
pub(crate) mod figures;
pub(crate) mod line;
pub(crate) mod rate_limit;
pub(crate) mod say;
