//! The figures of a piece of work, and why there may be none.

use std::fmt;

use crate::format::units::{HumanBytes, SignedBytes};

/// What a piece of work allocated and freed on its thread, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Bytes allocated in all.
    pub allocated: u64,
    /// Bytes freed.
    pub freed: u64,
    /// Highest net above the start. Never above the true peak with
    /// [`global_allocator!`](crate::global_allocator!), and at most 64 KiB below it; exact if every
    /// block is 64 KiB or larger.
    pub peak: u64,
}

impl Usage {
    /// Returns `allocated − freed`, in bytes: what the work kept.
    pub fn net(&self) -> i64 {
        self.allocated.wrapping_sub(self.freed) as i64
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "peak {} ({} B), kept {}, allocated {}, freed {}",
            HumanBytes(self.peak),
            self.peak,
            SignedBytes(self.net()),
            HumanBytes(self.allocated),
            HumanBytes(self.freed),
        )
    }
}

/// Why there are no figures. `Display` explains it, and says what to add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unavailable {
    /// memprobe is compiled out.
    CompiledOut,
    /// Rust's allocations do not go to jemalloc.
    OtherAllocator,
    /// Allocations are not sampled: memprobe was built without its feature `live`, or jemalloc has
    /// not been told to sample.
    NotSampled,
    /// jemalloc is older than 5.3.1, and does not report what it samples.
    OldJemalloc,
    /// The work ran inside memprobe's own work, for example in a subscriber.
    InsideSubscriber,
    /// The work was moved to another thread while it ran, as happens with coroutines.
    OtherThread,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unavailable::CompiledOut => {
                "memprobe is compiled out: build with its feature `enabled`, as in \
                 `memprobe = { …, features = [\"enabled\", \"jemalloc\"] }`"
            }
            Unavailable::OtherAllocator => {
                "jemalloc is not the global allocator: add `memprobe::global_allocator!();` to \
                 the crate with `main`, or to the test"
            }
            Unavailable::NotSampled if cfg!(not(feature = "live")) => {
                "allocations are not sampled: build memprobe with its feature `live`, and write \
                 `memprobe::global_allocator!(live);` in the crate with `main`"
            }
            Unavailable::NotSampled => {
                "allocations are not sampled: write `memprobe::global_allocator!(live);` in the \
                 crate with `main`, or start the program with `_RJEM_MALLOC_CONF=prof:true`"
            }
            Unavailable::OldJemalloc => {
                "jemalloc reports what it samples from version 5.3.1 on: update \
                 `tikv-jemalloc-sys` to 0.7"
            }
            Unavailable::InsideSubscriber => {
                "there are no figures of what a subscriber does in an event"
            }
            Unavailable::OtherThread => {
                "the work was moved to another thread while it ran, as in a coroutine: there are \
                 no figures of that"
            }
        })
    }
}

impl std::error::Error for Unavailable {}
