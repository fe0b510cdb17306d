//! The allocator that `global_allocator!()` installs: jemalloc, with a `realloc` that the
//! stack can read exactly.

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

// SAFETY: every call goes to jemalloc, with the arguments it came with.
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
        // SAFETY: as above; no block has a size of 0.
        return resize(block, layout, new_size, realloc, || unsafe {
            crate::runtime::readings::jemalloc::grow_in_place(block, layout.align(), new_size)
        });
        #[cfg(not(feature = "enabled"))]
        realloc()
    }
}

#[cfg(feature = "enabled")]
#[inline]
fn resize(
    block: *mut u8,
    layout: Layout,
    new_size: usize,
    realloc: impl FnOnce() -> *mut u8,
    grow_in_place: impl FnOnce() -> bool,
) -> *mut u8 {
    use crate::runtime::calls::stack;
    use crate::runtime::readings::jemalloc;
    use crate::runtime::watch::monitor as watch;

    let old_class = jemalloc::size_class(layout.size(), layout.align());
    let new_class = jemalloc::size_class(new_size, layout.align());
    // A small block stays in place exactly if its size class stays.
    if old_class.max(new_class) < LARGE && old_class != new_class {
        return realloc();
    }
    stack::around_realloc(block, old_class, || {
        if watch::is_near_before_move(old_class, new_class) {
            if grow_in_place() {
                return block;
            }
            watch::before_move(old_class, new_class);
        }
        realloc()
    })
}
