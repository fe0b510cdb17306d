//! The allocator that `global_allocator!()` installs: jemalloc, with readings around `realloc` so
//! that resizing a block does not inflate a peak.

use std::alloc::{GlobalAlloc, Layout};

#[cfg(any(windows, target_family = "wasm"))]
use std::alloc::System as Jemalloc;
#[cfg(not(any(windows, target_family = "wasm")))]
use tikv_jemallocator::Jemalloc;

/// jemalloc as the global allocator, with peaks that resizing a block does not inflate.
///
/// [`global_allocator!`](crate::global_allocator) installs it.
///
/// A plain `tikv_jemallocator::Jemalloc` works as well, but then a peak is an upper bound where
/// blocks are resized: jemalloc counts the new size before it subtracts the old one, even if
/// the block stays in place.
///
/// # Examples
///
/// ```
/// #[global_allocator]
/// static GLOBAL: memprobe::Allocator = memprobe::Allocator;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Allocator;

/// From this size class on, in bytes, jemalloc may change a block's class in place
/// (`SC_LARGE_MINCLASS`).
#[cfg(feature = "enabled")]
const LARGE: usize = 16 << 10;

/// jemalloc's configuration in the binary, as a text that ends with NUL.
#[cfg(feature = "live")]
#[doc(hidden)]
#[derive(Debug)]
#[repr(transparent)]
pub struct MallocConf(*const std::ffi::c_char);

// SAFETY: it points to a constant.
#[cfg(feature = "live")]
unsafe impl Sync for MallocConf {}

#[cfg(feature = "live")]
impl MallocConf {
    /// Allocations may be sampled, and are unless the user's own configuration says
    /// `prof_active:false`.
    pub const SAMPLING: MallocConf = MallocConf(c"prof:true".as_ptr());
}

// SAFETY: every call is passed on to jemalloc with its arguments unchanged.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller upholds the contract of `GlobalAlloc`, which is also `Jemalloc`'s.
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
        #[cfg(feature = "live")]
        let _resizing = crate::runtime::calls::resizing::Resizing::begin(block.addr());
        #[cfg(feature = "enabled")]
        // SAFETY: as above; `new_size` is not 0 by the contract of `GlobalAlloc`.
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
    // A small block stays in place if and only if its size class stays the same.
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
