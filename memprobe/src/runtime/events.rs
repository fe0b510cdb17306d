//! The `tracing` events at points of calls.
//!
//! 1. [`rate_limit`] and [`ceiling`] decide whether an event is written, and count those that are
//!    skipped.
//! 2. A [`callsite`] knows whether any subscriber wants its events.
//! 3. An event is made from [`figures`]; a [`line`] is its message for people.
//! 4. [`event`] puts the fields together and dispatches.
//!
//! Nothing calls `tracing` after the question whether an event is enabled and before its dispatch.

pub(crate) mod callsite;
pub(crate) mod ceiling;
pub(crate) mod event;
pub(crate) mod fields;
pub(crate) mod figures;
pub(crate) mod line;
pub(crate) mod rate_limit;
pub(crate) mod say;
