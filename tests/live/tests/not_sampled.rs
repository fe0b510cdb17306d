//! Where jemalloc is the global allocator and was not told to sample, `live()` says what to do.

use memprobe::Unavailable;

memprobe::global_allocator!();

#[test]
fn live_is_an_error_that_says_what_to_do() {
    let why = memprobe::live().expect_err("nothing is sampled");
    assert_eq!(why, Unavailable::NotSampled);
    let text = why.to_string();
    assert!(text.contains("memprobe::global_allocator!(live);"), "{text}");
    assert_eq!(memprobe::live::set_active(true), Err(Unavailable::NotSampled));
}
