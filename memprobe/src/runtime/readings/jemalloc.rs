//! The calls into jemalloc, other than those of the global allocator. A reading that this jemalloc
//! does not have is `None`.

#[cfg(feature = "profiling")]
use std::ffi::CStr;
use std::ptr;

use tikv_jemalloc_ctl::{epoch, stats};
use tikv_jemalloc_sys::mallctlbymib;

use crate::runtime::readings::mallctl::{mib, read_by_mib, read_by_name, write_by_name};
pub(crate) use crate::runtime::readings::thread_counters::{Counters, is_global};
use crate::runtime::sync::OnceLock;
use crate::values::process::Heap;

/// The MIBs of `thread.peak.read` and `thread.peak.reset`.
#[derive(Clone, Copy)]
pub(crate) struct Peak {
    read: [usize; 3],
    reset: [usize; 3],
}

impl Peak {
    /// Looks the MIBs up once; `None` if this jemalloc was built without `stats`.
    pub fn get() -> Option<&'static Peak> {
        static PEAK: OnceLock<Option<Peak>> = OnceLock::new();
        PEAK.get_or_init(|| {
            let peak = Peak { read: mib(c"thread.peak.read")?, reset: mib(c"thread.peak.reset")? };
            read_by_mib::<u64>(&peak.read)?;
            Some(peak)
        })
        .as_ref()
    }

    /// Reads the highest net of the calling thread since its last `reset`, in bytes. Takes 5 ns.
    pub fn read(&self) -> u64 {
        read_by_mib(&self.read).unwrap_or(0)
    }

    /// Resets the peak slot of the calling thread. Takes 5 ns.
    pub fn reset(&self) {
        // SAFETY: the MIB is that of "thread.peak.reset", which neither reads nor writes a value.
        unsafe {
            mallctlbymib(
                self.reset.as_ptr(),
                self.reset.len(),
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null_mut(),
                0,
            );
        }
    }
}

/// A function that jemalloc calls on a thread for every interval of bytes that it allocates:
/// right after an allocation, before the program touches it. The arguments are whether it was an
/// allocation, and the thread's two counters.
pub(crate) type Callback = extern "C" fn(bool, u64, u64);

/// Registers `callback` for good, to be called for every `interval` bytes that a thread
/// allocates. Returns `false` if this jemalloc has no such hook, or no place left for one.
pub(crate) fn call_back(callback: Callback, interval: u64) -> bool {
    /// Mirrors `user_hook_object_t` of `thread_event_registry.h`.
    #[repr(C)]
    struct Hook {
        callback: Callback,
        interval: u64,
        is_alloc_only: bool,
    }
    let hook = Hook { callback, interval, is_alloc_only: true };
    // SAFETY: `Hook` is the type of this name. The callback keeps the rules of an allocator: it
    // neither allocates nor unwinds.
    unsafe { write_by_name(c"experimental.hooks.thread_event", hook) }
}

/// Reads jemalloc's active bytes of the process without refreshing the epoch. Takes 19 ns and no
/// lock. They are whole pages and not comparable with `stats.*`. The first call looks the name
/// up.
pub(crate) fn active() -> Option<u64> {
    static ACTIVE: OnceLock<Option<[usize; 2]>> = OnceLock::new();
    let mib = ACTIVE.get_or_init(|| mib(c"approximate_stats.active").filter(|_| is_global()));
    read_by_mib::<usize>(mib.as_ref()?).map(|bytes| bytes as u64)
}

/// Grows a block in place. Returns `false` if that is not possible.
///
/// # Safety
///
/// `block` must be alive and allocated by this jemalloc with this alignment, and `new_size` must
/// not be 0.
#[cfg(feature = "jemalloc")]
pub(crate) unsafe fn grow_in_place(block: *mut u8, align: usize, new_size: usize) -> bool {
    let flags = tikv_jemalloc_sys::MALLOCX_ALIGN(align);
    // SAFETY: the caller upholds what `xallocx` requires.
    unsafe { tikv_jemalloc_sys::xallocx(block.cast(), new_size, 0, flags) >= new_size }
}

/// Returns true if jemalloc samples allocations for heap profiles (`prof.active`).
#[cfg(feature = "profiling")]
pub(crate) fn is_profiling() -> bool {
    is_global() && read_by_name::<u8>(c"prof.active").is_some_and(|active| active != 0)
}

/// Writes a heap profile to `file`. Returns `false` if it was not written in whole.
#[cfg(feature = "profiling")]
pub(crate) fn write_profile(file: &CStr) -> bool {
    // SAFETY: jemalloc reads a pointer to a text that ends with NUL.
    unsafe { write_by_name(c"prof.dump", file.as_ptr()) }
}

#[cfg(all(feature = "profiling", not(unix)))]
pub(crate) fn free_space(_directory: &CStr) -> Option<u64> {
    None
}

/// Returns how many bytes a program may still write to the disk of `directory`.
#[cfg(all(feature = "profiling", unix))]
pub(crate) fn free_space(directory: &CStr) -> Option<u64> {
    let mut space = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the path ends with NUL; the system fills `space` in whole if it returns 0.
    let space = unsafe {
        let code = libc::statvfs(directory.as_ptr(), space.as_mut_ptr());
        (code == 0).then(|| space.assume_init())?
    };
    // Both are `u32` on some systems.
    (u128::from(space.f_bavail) * u128::from(space.f_frsize)).try_into().ok()
}

/// Refreshes jemalloc's `epoch` and reads the process's figures. Takes 8 to 130 µs and nearly
/// every lock of the allocator.
pub(crate) fn heap() -> Option<Heap> {
    if !is_global() {
        return None;
    }
    epoch::advance().ok()?;
    Some(Heap {
        allocated: stats::allocated::read().ok()? as u64,
        active: stats::active::read().ok()? as u64,
        metadata: stats::metadata::read().ok()? as u64,
        resident: stats::resident::read().ok()? as u64,
        mapped: stats::mapped::read().ok()? as u64,
        retained: stats::retained::read().ok()? as u64,
    })
}

/// Returns the size of the pages that jemalloc was built for, in bytes.
pub(crate) fn page() -> Option<u64> {
    read_by_name::<usize>(c"arenas.page").map(|bytes| bytes as u64)
}

/// Returns jemalloc's version, such as "5.3.1-…".
pub(crate) fn version() -> Option<&'static str> {
    tikv_jemalloc_ctl::version::read().ok().map(|version| version.trim_end_matches('\0'))
}

/// Returns the usable size, in bytes, of a block of this size and alignment.
#[cfg(feature = "jemalloc")]
pub(crate) fn size_class(size: usize, align: usize) -> usize {
    // SAFETY: `size` is not 0 (no block is), and `align` is a power of two.
    unsafe { tikv_jemalloc_sys::nallocx(size, tikv_jemalloc_sys::MALLOCX_ALIGN(align)) }
}
