//! Pages of memory that are mapped from the kernel and can be given back to it.

/// Bytes of a page, the unit in which memory is given back. Where the kernel has pages of another
/// size, none are given back.
pub(crate) const PAGE: usize = 4096;

/// Returns the size of the kernel's pages, in bytes.
#[cfg(unix)]
pub(crate) fn kernel_page() -> usize {
    // SAFETY: reads a constant of the system.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).ok().filter(|&size| size > 0).unwrap_or(PAGE)
}

/// Returns the size of the system's pages, in bytes. It is that of x86 where memprobe has none to ask.
#[cfg(not(unix))]
pub(crate) fn kernel_page() -> usize {
    PAGE
}

/// Returns the physical memory of the machine, in bytes.
#[cfg(unix)]
pub(crate) fn physical_memory() -> Option<u64> {
    // SAFETY: reads a constant of the system.
    let pages = unsafe { libc::sysconf(libc::_SC_PHYS_PAGES) };
    u64::try_from(pages).ok()?.checked_mul(kernel_page() as u64).filter(|&bytes| bytes > 0)
}

#[cfg(not(unix))]
pub(crate) fn physical_memory() -> Option<u64> {
    None
}

/// A type of one page that consists of atomics and is valid if all its bytes are 0.
///
/// # Safety
///
/// The size and the alignment of the type must be [`PAGE`] bytes. Each of its fields must be an
/// atomic for which zero bytes are valid.
pub(crate) unsafe trait Zeroed: Sync + Sized {}

/// Maps `count` pages of zeroes. They take no memory until they are written to.
pub(crate) fn map<T: Zeroed>(count: usize) -> Option<&'static [T]> {
    const { assert!(size_of::<T>() == PAGE && align_of::<T>() == PAGE) };
    let pages = platform::map(count.checked_mul(PAGE)?)?;
    // SAFETY: `pages` are `count` zeroed pages that nothing else uses and that are never
    // unmapped. Zeroes are a valid `T`, as `Zeroed` promises.
    Some(unsafe { std::slice::from_raw_parts(pages.cast().as_ptr(), count) })
}

/// Announces that pages are about to be written to: one system call in place of a fault for each.
pub(crate) fn will_need<T: Zeroed>(pages: &'static [T]) {
    platform::will_need(pages.as_ptr().cast_mut().cast(), size_of_val(pages));
}

/// Gives pages back to the kernel: they are all 0 afterwards and take no memory. Returns `false`
/// if the platform cannot do that; the pages are then unchanged.
pub(crate) fn give_back<T: Zeroed>(pages: &'static [T]) -> bool {
    platform::give_back(pages.as_ptr().cast_mut().cast(), size_of_val(pages))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod platform {
    use std::ffi::c_void;
    use std::ptr::{NonNull, null_mut};

    use libc::{
        MADV_DONTNEED, MADV_POPULATE_WRITE, MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE,
    };

    pub fn map(len: usize) -> Option<NonNull<u8>> {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS;
        // SAFETY: maps new memory.
        let pages = unsafe { libc::mmap(null_mut(), len, PROT_READ | PROT_WRITE, flags, -1, 0) };
        NonNull::new(pages.cast()).filter(|_| pages != libc::MAP_FAILED)
    }

    /// Needs Linux 5.14; an older kernel makes each page when it is touched.
    pub fn will_need(pages: *mut c_void, len: usize) {
        // SAFETY: the pages were made by `map`; what they hold stays as it is.
        unsafe { libc::madvise(pages, len, MADV_POPULATE_WRITE) };
    }

    pub fn give_back(pages: *mut c_void, len: usize) -> bool {
        // The kernel rounds what it takes back up to pages of its own, which may hold records that
        // are in use.
        if super::kernel_page() != super::PAGE {
            return false;
        }
        // SAFETY: the pages were made by `map`. For a thread that still reads their atomics, the
        // kernel is another thread that writes zeroes.
        unsafe { libc::madvise(pages, len, MADV_DONTNEED) == 0 }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod platform {
    use std::alloc::{Layout, alloc_zeroed};
    use std::ffi::c_void;
    use std::ptr::NonNull;

    pub fn map(len: usize) -> Option<NonNull<u8>> {
        let layout = Layout::from_size_align(len, super::PAGE).ok().filter(|_| len > 0)?;
        // SAFETY: the layout is not empty.
        NonNull::new(unsafe { alloc_zeroed(layout) })
    }

    pub fn will_need(_pages: *mut c_void, _len: usize) {}

    pub fn give_back(_pages: *mut c_void, _len: usize) -> bool {
        false
    }
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use crate::runtime::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use super::*;

    const WORDS: usize = PAGE / size_of::<AtomicU64>();

    #[repr(align(4096))]
    struct Page([AtomicU64; WORDS]);

    // SAFETY: a page of atomics.
    unsafe impl Zeroed for Page {}

    #[test]
    fn a_page_that_was_given_back_is_zero_and_its_neighbours_are_not() {
        let pages = map::<Page>(3).expect("memory");
        assert!(pages.iter().flat_map(|page| &page.0).all(|word| word.load(Relaxed) == 0));
        for page in pages {
            page.0.iter().for_each(|word| word.store(7, Relaxed));
        }
        will_need(pages);
        assert!(give_back(&pages[1..2]));
        let sums: Vec<u64> =
            pages.iter().map(|page| page.0.iter().map(|word| word.load(Relaxed)).sum()).collect();
        assert_eq!(sums, [7 * WORDS as u64, 0, 7 * WORDS as u64]);
    }
}
