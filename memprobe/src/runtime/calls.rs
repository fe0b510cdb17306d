//! The calls that run.
//!
//! 1. A call takes a [`record`] from the [`pool`]; records are never freed.
//! 2. Its [`frame`] is the figures of the call on its thread, its [`published`] numbers are for
//!    other threads, its [`admission`] is there if its events are written, and [`carried`] is what
//!    work elsewhere did for it.
//! 3. The [`stack`] of a thread holds the frames that are open, and flushes jemalloc's peak slot
//!    to the innermost.
//! 4. A [`snapshot`] adds up the calls of all threads, for [`in_flight`] and for the watch.
//! 5. With the feature `live`, `sampled` tells which call allocates a block that jemalloc samples,
//!    and `resizing` keeps it that call's in a `realloc`.

pub(crate) mod admission;
pub(crate) mod carried;
pub(crate) mod frame;
pub(crate) mod in_flight;
pub(crate) mod pool;
pub(crate) mod published;
pub(crate) mod record;
#[cfg(feature = "live")]
pub(crate) mod resizing;
#[cfg(feature = "live")]
pub(crate) mod sampled;
pub(crate) mod snapshot;
pub(crate) mod stack;
