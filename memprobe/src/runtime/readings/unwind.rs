//! The stacks of jemalloc's samples, on musl.
//!
//! Where jemalloc's `configure` finds no unwinder, as with Debian's `musl-gcc`, it follows frame
//! pointers, which Rust's standard library does not keep: the first sample crashes. The unwinder
//! that the standard library brings along takes its place.

use std::ffi::{c_int, c_uint, c_void};

use crate::runtime::readings::mallctl::write_by_name;

/// Mirrors `prof_backtrace_hook_t` of `prof_hook.h`.
type Backtrace = extern "C" fn(*mut *mut c_void, *mut c_uint, c_uint);
type Trace = extern "C" fn(*mut c_void, *mut c_void) -> c_int;

/// Values of `_Unwind_Reason_Code` in the Itanium C++ ABI for exception handling, 1.2.
const NO_REASON: c_int = 0;
const END_OF_STACK: c_int = 5;

unsafe extern "C" {
    fn _Unwind_Backtrace(trace: Trace, frames: *mut c_void) -> c_int;
    fn _Unwind_GetIP(context: *mut c_void) -> usize;
}

/// Has jemalloc take stacks by the standard library's unwinder. It must come before the first
/// sample, and allocates nothing.
pub(crate) fn use_ours() {
    // SAFETY: the name has this type, and the function writes no more frames than it may.
    unsafe { write_by_name(c"experimental.hooks.prof_backtrace", backtrace as Backtrace) };
}

struct Frames {
    next: *mut *mut c_void,
    left: c_uint,
}

extern "C" fn backtrace(frames: *mut *mut c_void, len: *mut c_uint, most: c_uint) {
    let mut taken = Frames { next: frames, left: most };
    // SAFETY: `add` is given `taken`, and jemalloc passes room for `most` frames and for their number.
    unsafe {
        _Unwind_Backtrace(add, (&raw mut taken).cast());
        len.write(most - taken.left);
    }
}

extern "C" fn add(context: *mut c_void, frames: *mut c_void) -> c_int {
    // SAFETY: what `backtrace` has passed, which is still there.
    let frames = unsafe { &mut *frames.cast::<Frames>() };
    // SAFETY: the unwinder passes a context that is valid during the call.
    let address = unsafe { _Unwind_GetIP(context) };
    if address == 0 || frames.left == 0 {
        return END_OF_STACK;
    }
    // SAFETY: there is room for another frame.
    unsafe {
        frames.next.write(std::ptr::without_provenance_mut(address));
        frames.next = frames.next.add(1);
    }
    frames.left -= 1;
    NO_REASON
}
