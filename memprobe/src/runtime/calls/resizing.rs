//! The block that a `realloc` on this thread resizes, which stays its owner's.
//!
//! jemalloc frees the block of before inside `realloc`, and calls the hooks after that: by then
//! another thread may have a sampled block at its address. So what is known of the block is taken
//! out of the table before `realloc`, and put back afterwards.

#![cfg_attr(not(feature = "jemalloc"), allow(dead_code))]

use std::cell::Cell;

use crate::runtime::readings::pages::PAGE;
use crate::runtime::stats::live::BLOCKS;
use crate::runtime::stats::live::table::Lifted;
use crate::runtime::sync::thread_local;

#[derive(Clone, Copy)]
struct Resized {
    address: usize,
    /// The block, until a hook has said what became of it.
    block: Option<Lifted>,
}

thread_local! {
    static RESIZED: Cell<Option<Resized>> = const { Cell::new(None) };
}

/// A guard: while it lives, a block that this thread allocates is the resized one.
pub(crate) struct Resizing {
    may_be_sampled: bool,
}

impl Resizing {
    #[inline]
    pub fn begin(address: usize) -> Resizing {
        // A sampled block begins a page.
        let may_be_sampled = address % PAGE == 0;
        if may_be_sampled {
            lift(address);
        }
        Resizing { may_be_sampled }
    }
}

impl Drop for Resizing {
    #[inline]
    fn drop(&mut self) {
        if self.may_be_sampled {
            put_back();
        }
    }
}

#[cold]
fn lift(address: usize) {
    RESIZED.set(Some(Resized { address, block: BLOCKS.lift(address) }));
}

/// Ends a `realloc`. A block that no hook was called for is as it was.
#[cold]
fn put_back() {
    if let Some(Resized { address, block: Some(block) }) = RESIZED.take() {
        BLOCKS.put_back(block, address);
    }
}

/// Returns the block that a `realloc` in progress resizes, if it was sampled, for good.
pub(crate) fn take() -> Option<Lifted> {
    let resized = RESIZED.get()?;
    RESIZED.set(Some(Resized { block: None, ..resized }));
    resized.block
}

/// Whether `address` is that of before a `realloc` in progress.
pub(crate) fn is_resized(address: usize) -> bool {
    RESIZED.get().is_some_and(|resized| resized.address == address)
}
