//! What there is to pay: jemalloc's readings and the clocks, and plain jemalloc.

use std::ffi::CStr;
use std::hint::black_box;
use std::ptr;
use std::time::Instant;

use memprobe_bench::harness::alone;
use tikv_jemalloc_ctl::thread;
use tikv_jemalloc_sys::{mallctlbymib, mallctlnametomib};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn mib(name: &CStr) -> [usize; 3] {
    let (mut mib, mut len) = ([0; 3], 3);
    // SAFETY: writes at most three numbers.
    let code = unsafe { mallctlnametomib(name.as_ptr(), mib.as_mut_ptr(), &raw mut len) };
    assert_eq!((code, len), (0, 3), "{name:?}");
    mib
}

fn main() {
    let allocated = thread::allocatedp::read().expect("jemalloc");
    let freed = thread::deallocatedp::read().expect("jemalloc");
    alone("two cached counter reads", |n| {
        for _ in 0..n {
            black_box((black_box(&allocated).get(), black_box(&freed).get()));
        }
    });

    let (read, reset) = (mib(c"thread.peak.read"), mib(c"thread.peak.reset"));
    alone("peak read + reset", |n| {
        for _ in 0..n {
            let mut peak = 0_u64;
            let mut size = size_of::<u64>();
            // SAFETY: the first reads a `u64`, the second takes and gives nothing.
            unsafe {
                let peak = (&raw mut peak).cast();
                mallctlbymib(read.as_ptr(), 3, peak, &raw mut size, ptr::null_mut(), 0);
                let none = ptr::null_mut();
                mallctlbymib(reset.as_ptr(), 3, none, ptr::null_mut(), ptr::null_mut(), 0);
            }
            black_box(peak);
        }
    });

    alone("peak reset", |n| {
        for _ in 0..n {
            let none = ptr::null_mut();
            // SAFETY: takes and gives nothing.
            unsafe { mallctlbymib(reset.as_ptr(), 3, none, ptr::null_mut(), ptr::null_mut(), 0) };
        }
    });

    alone("Instant::now", |n| {
        for _ in 0..n {
            black_box(Instant::now());
        }
    });

    alone("CLOCK_MONOTONIC_COARSE", |n| {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        for _ in 0..n {
            // SAFETY: fills in the time.
            unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &raw mut time) };
            black_box(time.tv_nsec);
        }
    });
}
