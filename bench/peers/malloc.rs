//! What the allocator costs: jemalloc alone, or through memprobe. One program, so that there
//! is no other difference.

#[cfg(feature = "memprobe")]
memprobe::global_allocator!();

#[cfg(not(feature = "memprobe"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    memprobe_bench::heap::compare();
}
