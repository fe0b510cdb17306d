//! Futures that are polled once and never dropped. They have a process of their own, because
//! the resident bytes of the whole process are compared: a report that another test makes
//! beside them has a row for each of them too.

use std::task::{Context, Waker};

use memprobe::memprobe;

memprobe::global_allocator!();

#[memprobe]
async fn forgotten(bytes: usize) {
    let _block: Vec<u8> = Vec::with_capacity(bytes);
    std::future::pending::<()>().await;
}

#[memprobe]
fn afterwards() {
    drop(std::hint::black_box(vec![1_u8; 4096]));
}

#[test]
fn futures_that_are_forgotten_by_the_million_cost_a_record_each() {
    // In a debug build each takes some 20 µs.
    const COUNT: usize = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
    let mut context = Context::from_waker(Waker::noop());
    let before = memprobe::process().rss.expect("rss");
    for _ in 0..COUNT {
        let mut future = Box::pin(forgotten(0));
        assert!(future.as_mut().poll(&mut context).is_pending());
        std::mem::forget(future);
    }
    let after = memprobe::process().rss.expect("rss");
    let each = (after.saturating_sub(before)) as usize / COUNT;
    // The future itself, which is forgotten too, and its record of 384 bytes.
    assert!(each < 384 + 256, "{each} bytes for each");
    // All still run, and calls go on as before.
    let running = memprobe::in_flight();
    let forgotten = running.iter().filter(|call| call.function.ends_with("::forgotten"));
    assert_eq!(forgotten.count(), COUNT);
    afterwards();
    let report = memprobe::report();
    let afterwards =
        report.functions.iter().find(|function| function.name.ends_with("::afterwards"));
    assert_eq!(afterwards.expect("it was called").outcomes.returned, 1);
}
