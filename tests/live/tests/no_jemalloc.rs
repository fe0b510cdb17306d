//! Where jemalloc is not the global allocator, `live()` says what to do.

use memprobe::Unavailable;

#[memprobe::memprobe]
fn make() -> Vec<u8> {
    Vec::with_capacity(16 << 20)
}

#[test]
fn live_is_an_error_that_says_what_to_do() {
    let block = make();
    let why = memprobe::live().expect_err("there is no jemalloc");
    assert_eq!(why, Unavailable::OtherAllocator);
    let text = why.to_string();
    assert!(text.contains("jemalloc is not the global allocator"), "{text}");
    assert!(text.contains("memprobe::global_allocator!"), "{text}");
    assert_eq!(memprobe::live::set_active(true), Err(Unavailable::OtherAllocator));
    assert_eq!(memprobe::live::set_interval(1 << 20), Err(Unavailable::OtherAllocator));
    drop(block);
}
