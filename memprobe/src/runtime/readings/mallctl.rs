//! jemalloc's figures by their names. A name that this jemalloc does not have, or a value of another
//! size, is `None`: `tikv-jemalloc-ctl` panics there, and this runs inside the allocator.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::ptr;

use tikv_jemalloc_sys::{mallctl, mallctlbymib, mallctlnametomib};

/// Returns true if this jemalloc knows `name`, which has three parts.
#[cfg(feature = "live")]
pub(crate) fn has(name: &CStr) -> bool {
    mib::<3>(name).is_some()
}

/// A type that jemalloc writes in whole and for which any bits are valid.
pub(crate) trait Plain: Copy {}
#[cfg(any(feature = "live", feature = "profiling"))]
impl Plain for u8 {}
impl Plain for u64 {}
impl Plain for usize {}
impl Plain for *mut u64 {}

pub(crate) fn read_by_name<T: Plain>(name: &CStr) -> Option<T> {
    let mut value = MaybeUninit::<T>::uninit();
    let mut size = size_of::<T>();
    // SAFETY: the name ends with NUL; jemalloc writes at most `size` bytes and refuses any
    // size that is not its own; the value is taken only if it was written whole.
    unsafe {
        let code =
            mallctl(name.as_ptr(), value.as_mut_ptr().cast(), &raw mut size, ptr::null_mut(), 0);
        (code == 0 && size == size_of::<T>()).then(|| value.assume_init())
    }
}

pub(crate) fn read_by_mib<T: Plain>(mib: &[usize]) -> Option<T> {
    let mut value = MaybeUninit::<T>::uninit();
    let mut size = size_of::<T>();
    // SAFETY: as in `read_by_name`; the MIB came from jemalloc.
    unsafe {
        let code = mallctlbymib(
            mib.as_ptr(),
            mib.len(),
            value.as_mut_ptr().cast(),
            &raw mut size,
            ptr::null_mut(),
            0,
        );
        (code == 0 && size == size_of::<T>()).then(|| value.assume_init())
    }
}

/// Has jemalloc copy `value`. Returns `false` if it has no such name, or does not accept the value.
///
/// # Safety
///
/// `value` must be what jemalloc expects of this name, if it is of the size that it expects.
pub(crate) unsafe fn write_by_name<T>(name: &CStr, mut value: T) -> bool {
    let (no_value, no_size, value) = (ptr::null_mut(), ptr::null_mut(), &raw mut value);
    // SAFETY: the name ends with NUL; jemalloc refuses any size that is not its own, and the caller
    // upholds the rest.
    unsafe { mallctl(name.as_ptr(), no_value, no_size, value.cast(), size_of::<T>()) == 0 }
}

pub(crate) fn mib<const N: usize>(name: &CStr) -> Option<[usize; N]> {
    let mut mib = [0; N];
    let mut len = N;
    // SAFETY: the name ends with NUL; jemalloc writes at most `len` numbers.
    let code = unsafe { mallctlnametomib(name.as_ptr(), mib.as_mut_ptr(), &raw mut len) };
    (code == 0 && len == N).then_some(mib)
}
