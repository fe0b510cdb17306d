//! The most calls of a function that ran at once, over threads and between polls.

use std::pin::{Pin, pin};
use std::sync::Barrier;
use std::task::{Context, Waker};
use std::thread;

use memprobe::memprobe;
use memprobe_tests::{function, yield_now};

memprobe::global_allocator!();

#[memprobe]
async fn waits() {
    yield_now().await;
}

#[memprobe]
fn blocks(barrier: &Barrier) {
    barrier.wait();
}

fn most(name: &str) -> Option<u64> {
    function(name)?.max_concurrent
}

fn poll_all(count: usize) {
    let mut context = Context::from_waker(Waker::noop());
    let mut futures: Vec<Pin<Box<_>>> = (0..count).map(|_| Box::pin(waits())).collect();
    for future in &mut futures {
        assert!(future.as_mut().poll(&mut context).is_pending());
    }
    for future in &mut futures {
        assert!(future.as_mut().poll(&mut context).is_ready());
    }
}

#[test]
fn calls_at_once_are_counted_over_threads() {
    poll_all(100);
    assert_eq!(most("::waits"), Some(100));
    poll_all(7);
    assert_eq!(most("::waits"), Some(100), "the most, not the last");
    memprobe::reset();
    poll_all(7);
    assert_eq!(most("::waits"), Some(7));

    // More threads than have a place of their own.
    let barrier = Barrier::new(50);
    thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| blocks(&barrier));
        }
    });
    assert_eq!(most("::blocks"), Some(50));

    // Begun on one thread and ended on another, again and again: never two at once.
    memprobe::reset();
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..1000 {
        let mut future = Box::pin(waits());
        assert!(future.as_mut().poll(&mut context).is_pending());
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut future = pin!(future);
                let mut context = Context::from_waker(Waker::noop());
                assert!(future.as_mut().poll(&mut context).is_ready());
            });
        });
    }
    assert_eq!(most("::waits"), Some(1));
}
