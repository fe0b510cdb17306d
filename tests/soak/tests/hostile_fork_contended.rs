//! Calls of many threads in a forked child, which take their records from one pool: a thread that holds
//! its lock and does not run is not one that does not exist.

use std::hint::black_box;
use std::thread;
use std::time::Duration;

use memprobe::memprobe;
use memprobe_soak::in_child;

memprobe::global_allocator!();

const THREADS: u64 = 32;
const ROUNDS: u64 = 200;
/// More calls than a thread keeps records for.
const DEPTH: u64 = 300;

#[memprobe(name = "down")]
fn down(deeper: u64) {
    if deeper > 0 {
        down(deeper - 1);
    }
    black_box(deeper);
}

#[test]
fn a_child_counts_all_its_calls() {
    down(1);
    let child = in_child(Duration::from_secs(120), || {
        memprobe::reset();
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| (0..ROUNDS).for_each(|_| down(DEPTH - 1)));
            }
        });
        let report = memprobe::report();
        let calls = report.functions.iter().find(|function| function.name == "down");
        let calls = calls.map_or(0, |function| function.outcomes.calls());
        assert_eq!(calls, THREADS * ROUNDS * DEPTH);
    });
    assert_eq!(child, Ok(()));
}
