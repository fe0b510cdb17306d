//! What all calls did together.
//!
//! 1. A [`site`] is an annotated function; the [`call_tree`] has a node for it in each calling
//!    context, and the segments between the points of its calls.
//! 2. Each segment has [`totals`] and [`histogram`]s, each function a count of the calls that run
//!    at once ([`concurrency`]). Every thread counts in a place of its own.
//! 3. [`outliers`] tells which calls are written whatever the rate of their function.
//! 4. The [`timeline`] has the process at points of calls.
//! 5. With the feature `live`, `live` has the blocks that jemalloc samples, and their owners.
//! 6. [`gather`] makes a report of all of it; with the feature `metrics`, `lifetime` adds up over
//!    resets.

mod branches;
pub(crate) mod call_tree;
pub(crate) mod concurrency;
pub(crate) mod freed_elsewhere;
pub(crate) mod gather;
pub(crate) mod generation;
pub(crate) mod histogram;
#[cfg(feature = "metrics")]
pub(crate) mod lifetime;
#[cfg(feature = "live")]
pub(crate) mod live;
pub(crate) mod outliers;
mod rows;
pub(crate) mod site;
pub(crate) mod timeline;
pub(crate) mod totals;
