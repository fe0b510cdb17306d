//! What the allocator costs: jemalloc alone, or through memprobe, and there with a watch
//! installed for a limit of so many MiB. One program, so that there is no other difference.

#[cfg(feature = "memprobe")]
memprobe::global_allocator!();

#[cfg(not(feature = "memprobe"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    #[cfg(feature = "memprobe")]
    if let Some(mib) = std::env::args().nth(1) {
        let limit = mib.parse::<u64>().expect("a limit in MiB") << 20;
        let watch = memprobe::Watch::new().limit(memprobe::Limit::from_bytes(limit));
        assert_eq!(watch.install(), Ok(memprobe::watch::WatchMode::Hook));
    }
    memprobe_bench::heap::compare();
}
