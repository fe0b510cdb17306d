//! The most calls at once starts anew with a reset, also where no call of the function has ended.

use std::sync::Barrier;
use std::thread;

use memprobe::memprobe;
use memprobe_tests::function;

memprobe::global_allocator!();

#[memprobe]
fn serves(barrier: &Barrier) {
    barrier.wait();
    barrier.wait();
}

#[test]
fn a_reset_before_the_first_call_has_ended_starts_anew() {
    let barrier = Barrier::new(3);
    let meet = || _ = barrier.wait();
    thread::scope(|scope| {
        // One call at a time on each of two threads.
        for _ in 0..2 {
            scope.spawn(|| (0..5).for_each(|_| serves(&barrier)));
        }
        meet();
        memprobe::reset();
        (0..9).for_each(|_| meet());
    });
    let serves = function("::serves").expect("it was called");
    assert_eq!(serves.outcomes.calls(), 10);
    assert_eq!((serves.max_concurrent, serves.max_concurrent_exact), (Some(2), true));
}
