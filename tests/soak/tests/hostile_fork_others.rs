//! What a forked child says of the calls that ran on its parent's other threads.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use memprobe::memprobe;
use memprobe_soak::in_child;

memprobe::global_allocator!();

#[memprobe(name = "job")]
fn job(barrier: &Barrier) {
    barrier.wait();
    barrier.wait();
}

#[test]
fn calls_at_once_are_not_exact_in_a_child() {
    let barrier = Barrier::new(3);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| job(&barrier));
        }
        barrier.wait();
        let child = in_child(Duration::from_secs(30), || {
            memprobe::reset();
            job(&Barrier::new(1));
            let report = memprobe::report();
            assert!(!report.functions[0].max_concurrent_exact, "{report}");
        });
        barrier.wait();
        assert_eq!(child, Ok(()));
    });
    assert!(memprobe::report().functions[0].max_concurrent_exact, "in the parent it is");
}
