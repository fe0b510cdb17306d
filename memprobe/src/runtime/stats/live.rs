//! Who owns the memory that is live.
//!
//! 1. jemalloc samples about one allocation in each interval of allocated bytes. The hooks in
//!    `calls/sampled.rs` find the call that allocates, its [`owner`].
//! 2. The [`table`] has all sampled blocks that are live.
//! 3. The [`sums`] of an owner are estimates: each block stands for as many bytes as are allocated
//!    for one sample of its size.
//! 4. The [`history`] has the owners' sums over time, which tells who owns more and more.
//! 5. The [`rows`] of a report are made of all of these.

pub(crate) mod history;
pub(crate) mod owner;
mod rows;
pub(crate) mod sums;
pub(crate) mod table;

pub(crate) use rows::{path, rows};

use crate::runtime::stats::live::table::Table;

/// The sampled blocks of this process.
pub(crate) static BLOCKS: Table = Table::new();
