//! What people write by hand: refresh jemalloc's statistics, read four, log a line.

use memprobe_bench::harness::alone;
use tikv_jemalloc_ctl::{epoch, stats};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn report(label: &str) {
    epoch::advance().expect("jemalloc");
    let allocated = stats::allocated::read().expect("jemalloc");
    let active = stats::active::read().expect("jemalloc");
    let resident = stats::resident::read().expect("jemalloc");
    let mapped = stats::mapped::read().expect("jemalloc");
    tracing::warn!(label, allocated, active, resident, mapped, "memory");
}

fn main() {
    alone("one line by hand, nobody listens", |n| (0..n).for_each(|_| report("here")));
    tracing_subscriber::fmt().json().with_writer(std::io::sink).init();
    alone("one line by hand", |n| (0..n).for_each(|_| report("here")));
}
