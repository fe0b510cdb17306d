//! Replaces `jemalloc.rs` where jemalloc does not build: every reading is absent.

#![allow(
    clippy::unused_self,
    clippy::trivially_copy_pass_by_ref,
    reason = "the signatures are those of `jemalloc.rs`"
)]

use crate::runtime::readings::bytes::Bytes;
use crate::values::process::Heap;

#[derive(Clone, Copy)]
pub(crate) struct Counters;

impl Counters {
    pub fn of_this_thread() -> Counters {
        Counters
    }

    #[inline]
    pub fn read(self) -> Bytes {
        Bytes::ZERO
    }
}

pub(crate) fn is_global() -> bool {
    false
}

#[derive(Clone, Copy)]
pub(crate) struct Peak;

impl Peak {
    pub fn get() -> Option<&'static Peak> {
        None
    }

    pub fn read(&self) -> u64 {
        0
    }

    pub fn reset(&self) {}
}

pub(crate) type Callback = extern "C" fn(bool, u64, u64);

pub(crate) fn call_back(_callback: Callback, _interval: u64) -> bool {
    false
}

pub(crate) fn active() -> Option<u64> {
    None
}

#[cfg(feature = "profiling")]
pub(crate) fn is_profiling() -> bool {
    false
}

#[cfg(feature = "profiling")]
pub(crate) fn write_profile(_file: &std::ffi::CStr) -> bool {
    false
}

#[cfg(feature = "profiling")]
pub(crate) fn free_space(_directory: &std::ffi::CStr) -> Option<u64> {
    None
}

pub(crate) fn heap() -> Option<Heap> {
    None
}

pub(crate) fn page() -> Option<u64> {
    None
}

pub(crate) fn version() -> Option<&'static str> {
    None
}

#[cfg(feature = "jemalloc")]
pub(crate) fn size_class(size: usize, _align: usize) -> usize {
    size
}

/// # Safety
///
/// Any arguments are safe here, because the block is not used.
#[cfg(feature = "jemalloc")]
pub(crate) unsafe fn grow_in_place(_block: *mut u8, _align: usize, _new_size: usize) -> bool {
    false
}
