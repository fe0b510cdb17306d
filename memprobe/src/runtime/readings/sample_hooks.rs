//! What `samples.rs` and its twin where jemalloc does not build have in common: the hooks for blocks
//! that jemalloc samples, and why there may be none.

#![cfg_attr(
    any(windows, target_family = "wasm"),
    allow(dead_code, reason = "jemalloc does not build there")
)]

/// What jemalloc calls. Each runs inside the allocator: it must neither allocate nor unwind, nor
/// wait for a lock that is held during an allocation.
#[derive(Clone, Copy)]
pub(crate) struct Hooks {
    /// A block was sampled; right after its allocation, and before the program has it.
    pub on_sample: fn(&Sample<'_>),
    /// The sampled block at this address is about to be freed, or was resized in place.
    pub on_free: fn(usize),
    /// Whether to take the stack of the allocation that is about to be sampled.
    pub takes_stack: fn() -> bool,
}

/// A block that was sampled.
pub(crate) struct Sample<'a> {
    pub address: usize,
    /// Bytes of its size class.
    pub size: u64,
    /// Return addresses, the innermost first; empty if no stack was taken.
    pub stack: &'a [usize],
}

/// Why jemalloc cannot report samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// jemalloc is not the global allocator.
    OtherAllocator,
    /// jemalloc is older than 5.3.1.
    Hooks,
    /// `prof:true` is not in jemalloc's configuration.
    Prof,
    /// The system gives no memory for memprobe's table.
    Memory,
}
