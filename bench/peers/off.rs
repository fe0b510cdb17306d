//! memprobe compiled out.

use memprobe_bench::{compare_workloads, workloads};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

workloads!(plain);
workloads!(with, #[memprobe::memprobe]);

fn main() {
    compare_workloads!();
}
