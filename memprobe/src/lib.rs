//! Which part of a handler took the memory.

#![warn(missing_docs)]

extern crate self as memprobe;

mod distribution;
mod process;
mod report;
mod status;
mod units;

#[cfg(feature = "jemalloc")]
mod allocator;
#[cfg(feature = "enabled")]
mod bytes;
#[cfg(feature = "enabled")]
mod call;
#[cfg(feature = "enabled")]
mod callsite;
#[cfg(feature = "enabled")]
mod event;
#[cfg(feature = "enabled")]
mod follow;
#[cfg(feature = "enabled")]
mod gather;
#[cfg(feature = "enabled")]
#[cfg_attr(target_env = "msvc", path = "jemalloc_absent.rs")]
mod jemalloc;
#[cfg(feature = "enabled")]
mod line;
#[cfg(feature = "enabled")]
mod meter;
#[cfg(feature = "enabled")]
mod scope;
#[cfg(feature = "enabled")]
mod site;
#[cfg(feature = "enabled")]
mod system;
#[cfg(feature = "enabled")]
mod totals;

#[cfg(not(feature = "enabled"))]
mod disabled;

#[cfg(feature = "enabled")]
#[doc(hidden)]
pub mod __private;

#[cfg(feature = "jemalloc")]
pub use allocator::Allocator;
pub use distribution::Distribution;
pub use memprobe_macros::memprobe;
pub use process::{Heap, Limit, LimitSource, Process};
pub use report::{Figures, Function, Outcomes, Report, SegmentTotals};
pub use status::{Events, GlobalAllocator, Reading, Status};

#[cfg(not(feature = "enabled"))]
pub use disabled::{process, report, reset, scope, scope_future, status};
#[cfg(feature = "enabled")]
pub use {
    gather::{report, reset},
    scope::{scope, scope_future},
    status::status,
    system::process,
};

/// Ends the segment of the innermost call.
#[cfg(feature = "enabled")]
#[macro_export]
macro_rules! probe {
    ($($tokens:tt)*) => {
        $crate::__private::__probe! { $crate; $($tokens)* }
    };
}

/// Installs jemalloc as the global allocator.
#[cfg(feature = "jemalloc")]
#[macro_export]
macro_rules! global_allocator {
    () => {
        #[global_allocator]
        static MEMPROBE_ALLOCATOR: $crate::Allocator = $crate::Allocator;
    };
}

/// Installs jemalloc as the global allocator; here its feature `jemalloc` is missing.
#[cfg(all(feature = "enabled", not(feature = "jemalloc")))]
#[macro_export]
macro_rules! global_allocator {
    () => {
        ::core::compile_error!(
            "`memprobe::global_allocator!()` needs memprobe's feature `jemalloc`: add it beside `enabled`"
        );
    };
}

/// Compiled out: the program keeps the allocator that it has.
#[cfg(not(any(feature = "enabled", feature = "jemalloc")))]
#[macro_export]
macro_rules! global_allocator {
    () => {};
}
