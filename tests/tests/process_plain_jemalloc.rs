//! A program's own `tikv_jemallocator`: everything works; `status()` says what would be
//! exact with memprobe's.

use memprobe::memprobe;
use memprobe::status::GlobalAllocator;
use memprobe_tests::record::{self, Recorder};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[memprobe]
fn works() -> Vec<u8> {
    vec![1; 1 << 20]
}

#[test]
fn a_plain_jemalloc_is_read() {
    Recorder::install();
    drop(works());
    let exit = record::pop().expect("an exit");
    assert_eq!(exit.number("call_peak"), 1 << 20);
    assert_eq!(exit.number("call_net"), 1 << 20);

    let status = memprobe::status();
    assert_eq!(status.allocator, GlobalAllocator::Jemalloc);
    assert!(status.readings.iter().all(|reading| reading.available), "{status:?}");
    assert!(status.to_string().contains("replace your #[global_allocator]"), "{status}");
}
