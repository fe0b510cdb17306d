//! hotpath: time, or time and allocations with its feature `hotpath-alloc`.

use memprobe_bench::{compare_workloads, workloads};

workloads!(plain);
workloads!(with, #[hotpath::measure]);

// Installs its counting allocator over ours, where it is built with one.
#[cfg(feature = "hotpath-alloc")]
#[hotpath::main(allocator = tikv_jemallocator::Jemalloc, output_path = "/dev/null")]
fn main() {
    compare_workloads!();
}

#[cfg(not(feature = "hotpath-alloc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[cfg(not(feature = "hotpath-alloc"))]
#[hotpath::main(output_path = "/dev/null")]
fn main() {
    compare_workloads!();
}
