//! The allocator that `global_allocator!()` installs: jemalloc, with a `realloc` that the
//! meter can read exactly.

use std::alloc::{GlobalAlloc, Layout};

#[cfg(target_env = "msvc")]
use std::alloc::System as Jemalloc;
#[cfg(not(target_env = "msvc"))]
use tikv_jemallocator::Jemalloc;

/// jemalloc as the global allocator, with exact peaks where blocks are resized.
///
/// With a plain `tikv_jemallocator::Jemalloc` everything works too, but a peak is then an
/// upper bound where blocks are resized: jemalloc counts the new size before it takes off
/// the old one, also where the block stays in place.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allocator;

/// From here jemalloc may resize a block in place (`SC_LARGE_MINCLASS`).
#[cfg(feature = "enabled")]
const LARGE: usize = 16 << 10;

// SAFETY: every call goes to `Jemalloc` unchanged.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that `Jemalloc` asks for.
        unsafe { Jemalloc.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { Jemalloc.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { Jemalloc.dealloc(block, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as above.
        let realloc = || unsafe { Jemalloc.realloc(block, layout, new_size) };
        #[cfg(feature = "enabled")]
        if layout.size().max(new_size) >= LARGE || is_same_class(layout, new_size) {
            return crate::meter::around_realloc(block, realloc);
        }
        realloc()
    }
}

/// A small block stays in place exactly if its size class stays.
#[cfg(feature = "enabled")]
fn is_same_class(layout: Layout, new_size: usize) -> bool {
    crate::jemalloc::size_class(layout.size(), layout.align())
        == crate::jemalloc::size_class(new_size, layout.align())
}
