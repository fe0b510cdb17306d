//! A program that forks in the middle of its calls, while other threads are in theirs.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use memprobe::{memprobe, probe};
use memprobe_soak::in_child;

memprobe::global_allocator!();

static STOP: AtomicBool = AtomicBool::new(false);

#[memprobe]
fn busy() {
    let block = std::hint::black_box(vec![1_u8; 4096]);
    probe!("filled", bytes = block.len());
}

#[memprobe]
fn forks() -> Result<(), String> {
    let held = std::hint::black_box(vec![1_u8; 16 << 10]);
    probe!("before");
    in_child(Duration::from_secs(30), || {
        // What its parent's thread was in goes on, and ends, in the child too.
        busy();
        probe!("in the child");
        let calls = memprobe::in_flight();
        assert!(calls.iter().any(|call| call.function.ends_with("::forks")), "{calls:?}");
        memprobe::reset();
        busy();
        let report = memprobe::report();
        let busy = report.functions.iter().find(|function| function.name.ends_with("::busy"));
        assert!(busy.is_some_and(|function| function.outcomes.returned >= 1), "{report}");
        assert!(memprobe::process().rss.is_some());
        drop(held);
    })
}

#[test]
fn calls_go_on_in_a_forked_child() {
    let others: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn(|| {
                while !STOP.load(Relaxed) {
                    busy();
                    std::hint::black_box(memprobe::report());
                    memprobe::reset();
                }
            })
        })
        .collect();
    let failed: Vec<_> = (0..100).filter_map(|_| forks().err()).collect();
    STOP.store(true, Relaxed);
    for other in others {
        other.join().expect("no panic");
    }
    assert!(failed.is_empty(), "{failed:?}");
}
