//! jemalloc's samples: about one allocation in each interval of allocated bytes, and its free.
//!
//! jemalloc gives a sampled block pages of its own, so that a free tells it from other blocks by
//! its address. It needs jemalloc 5.3.1 with `prof:true` in its configuration.

use std::ffi::{CStr, c_uint, c_void};
use std::ptr;
use std::sync::OnceLock;

use tikv_jemalloc_sys::mallctl;

use crate::runtime::readings::jemalloc::is_global;
use crate::runtime::readings::mallctl::{has, read_by_name, write_by_name};
use crate::runtime::readings::sample_hooks::{Hooks, Missing, Sample};

static HOOKS: OnceLock<Hooks> = OnceLock::new();
static UNWIND: OnceLock<Backtrace> = OnceLock::new();

/// Mirrors the hook types of `prof_hook.h`.
type Backtrace = extern "C" fn(*mut *mut c_void, *mut c_uint, c_uint);
type OnSample = extern "C" fn(*const c_void, usize, *mut *mut c_void, c_uint, usize);
type OnFree = extern "C" fn(*const c_void, usize);

/// Prepares jemalloc for its first sample. Allocates nothing.
pub(crate) fn prepare() {
    #[cfg(target_env = "musl")]
    crate::runtime::readings::unwind::use_ours();
}

/// Returns whether jemalloc samples and can report it.
///
/// # Errors
///
/// Returns what is missing.
pub(crate) fn check() -> Result<(), Missing> {
    if !is_global() {
        return Err(Missing::OtherAllocator);
    }
    if !has(c"experimental.hooks.prof_sample") {
        return Err(Missing::Hooks);
    }
    if read_by_name::<u8>(c"opt.prof") != Some(1) {
        return Err(Missing::Prof);
    }
    Ok(())
}

/// Installs the hooks for good, where [`check`] has found no fault. The first call decides.
pub(crate) fn install(hooks: Hooks) {
    HOOKS.get_or_init(|| hooks);
    // With `profiling` all stacks are taken, for jemalloc's own profiles.
    if cfg!(not(feature = "profiling")) {
        install_backtrace();
    }
    // The hook for frees comes first, so that no block is added and then not removed.
    if write(c"experimental.hooks.prof_sample_free", on_free as OnFree) {
        write(c"experimental.hooks.prof_sample", on_sample as OnSample);
    }
}

/// Puts memprobe's hook before jemalloc's own unwinding.
fn install_backtrace() {
    let mut own: Option<Backtrace> = None;
    let mut size = size_of_val(&own);
    // SAFETY: the name ends with NUL; jemalloc writes a function pointer of this type, or null.
    let code = unsafe {
        mallctl(
            c"experimental.hooks.prof_backtrace".as_ptr(),
            (&raw mut own).cast(),
            &raw mut size,
            ptr::null_mut(),
            0,
        )
    };
    if let Some(own) = own.filter(|_| code == 0) {
        UNWIND.get_or_init(|| own);
        write(c"experimental.hooks.prof_backtrace", backtrace as Backtrace);
    }
}

/// Returns the mean number of bytes between two samples.
pub(crate) fn interval() -> Option<u64> {
    let log = read_by_name::<usize>(c"prof.lg_sample")?;
    1_u64.checked_shl(log.try_into().ok()?)
}

/// Returns whether new allocations are sampled.
pub(crate) fn is_active() -> bool {
    read_by_name::<u8>(c"prof.active") == Some(1)
}

/// Starts or stops sampling new allocations. Returns `false` if jemalloc refuses.
pub(crate) fn set_active(active: bool) -> bool {
    write(c"prof.active", active)
}

/// Sets the mean number of bytes between two samples to `1 << log`. jemalloc's own profiles start
/// anew. Returns `false` if jemalloc refuses.
pub(crate) fn set_interval_log(log: usize) -> bool {
    write(c"prof.reset", log)
}

/// Types that the controls above take: their names say which is which.
trait Control: Copy {}
impl Control for bool {}
impl Control for usize {}
impl Control for Backtrace {}
impl Control for OnSample {}
impl Control for OnFree {}

fn write<T: Control>(name: &CStr, value: T) -> bool {
    // SAFETY: each caller passes the type that jemalloc has for the name, and the hooks keep the
    // rules of an allocator.
    unsafe { write_by_name(name, value) }
}

extern "C" fn backtrace(frames: *mut *mut c_void, len: *mut c_uint, most: c_uint) {
    let is_taken = HOOKS.get().is_some_and(|hooks| (hooks.takes_stack)());
    match UNWIND.get() {
        Some(unwind) if is_taken => unwind(frames, len, most),
        // SAFETY: jemalloc passes a pointer to the length, which is one of its own.
        _ => unsafe { len.write(0) },
    }
}

extern "C" fn on_sample(
    block: *const c_void,
    _size: usize,
    frames: *mut *mut c_void,
    len: c_uint,
    usable: usize,
) {
    let Some(hooks) = HOOKS.get() else { return };
    let stack = if frames.is_null() || len == 0 {
        &[]
    } else {
        // SAFETY: jemalloc passes `len` return addresses that stay as they are during the call;
        // an address is a `usize`.
        unsafe { std::slice::from_raw_parts(frames.cast::<usize>(), len as usize) }
    };
    (hooks.on_sample)(&Sample { address: block.addr(), size: usable as u64, stack });
}

extern "C" fn on_free(block: *const c_void, _usable: usize) {
    if let Some(hooks) = HOOKS.get() {
        (hooks.on_free)(block.addr());
    }
}
