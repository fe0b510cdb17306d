//! Which part of a handler took the memory.

#![warn(missing_docs)]

extern crate self as memprobe;

#[cfg(feature = "jemalloc")]
mod allocator;
#[cfg(feature = "enabled")]
mod call;
#[cfg(feature = "enabled")]
mod event;
#[cfg(feature = "enabled")]
mod follow;
#[cfg(feature = "enabled")]
mod jemalloc;
#[cfg(feature = "enabled")]
mod meter;
#[cfg(feature = "enabled")]
mod process;
#[cfg(feature = "enabled")]
mod report;
#[cfg(feature = "enabled")]
mod site;

#[cfg(feature = "jemalloc")]
pub use allocator::Allocator;
pub use memprobe_macros::memprobe;
#[cfg(feature = "enabled")]
pub use process::{Heap, Limit, LimitSource, Process, process};
#[cfg(feature = "enabled")]
pub use report::{Distribution, Figures, Function, Outcomes, Report, SegmentTotals, report, reset};

#[cfg(feature = "enabled")]
#[doc(hidden)]
pub mod __private;

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
