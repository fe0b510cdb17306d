//! Very many calls at once: each is known while it runs, and what memprobe kept of them is given
//! back afterwards.

use std::hint::black_box;
use std::pin::Pin;
use std::thread;

use memprobe::memprobe;
use memprobe_tests::{function, poll, yield_now};

memprobe::global_allocator!();

const CALLS: usize = 100_000;
/// What the documentation says that a running call takes, bytes.
const RECORD: u64 = 384;
/// What it says that stays after a burst, and room for what else moves.
const STAYS: u64 = (512 << 10) + (3 << 20);

fn rss() -> u64 {
    memprobe::process().rss.expect("Linux")
}

#[memprobe]
fn down(n: usize, at_the_bottom: &mut dyn FnMut()) -> usize {
    if n == 0 {
        at_the_bottom();
        return 0;
    }
    1 + black_box(down(n - 1, at_the_bottom))
}

#[memprobe]
async fn waits() {
    yield_now().await;
}

#[test]
fn the_memory_of_many_calls_is_given_back() {
    for _ in 0..3 {
        let before = rss();
        let mut grown = 0;
        let mut in_flight = 0;
        thread::scope(|scope| {
            let work = || {
                let mut at_the_bottom = || {
                    grown = rss() - before;
                    in_flight = memprobe::in_flight().len();
                };
                assert_eq!(down(CALLS, &mut at_the_bottom), CALLS);
            };
            // Its stack is unmapped when the thread ends.
            thread::Builder::new().stack_size(4 << 30).spawn_scoped(scope, work).expect("a stack");
        });
        assert_eq!(in_flight, CALLS + 1);
        assert!(grown > CALLS as u64 * RECORD, "{grown}: more than their records");
        let after = rss();
        // The list of those in flight was in the heap, which gives back when it likes.
        let list = (size_of::<memprobe::InFlight>() * 2 * CALLS) as u64;
        assert!(after < before + STAYS + list, "{before} -> {after}");
    }
    assert!(memprobe::in_flight().is_empty());

    // Tasks that end in another order than they began, each on one of four threads.
    let mut tasks: Vec<Pin<Box<_>>> = (0..CALLS).map(|_| Box::pin(waits())).collect();
    let before = rss();
    for task in &mut tasks {
        assert!(!poll(task.as_mut()));
    }
    let grown = rss() - before;
    assert!(grown > CALLS as u64 * RECORD / 2, "{grown}: some were there");
    thread::scope(|scope| {
        for (first, tasks) in tasks.chunks_mut(CALLS / 4).enumerate() {
            scope.spawn(move || {
                let count = tasks.len();
                for at in 0..count {
                    // 7919 is prime to their number: each comes once.
                    assert!(poll(tasks[(first + at * 7919) % count].as_mut()));
                }
            });
        }
    });
    let after = rss();
    assert!(after < before + STAYS, "{before} -> {after}");
    assert!(memprobe::in_flight().is_empty());

    let calls = |name: &str| {
        let function = function(name).expect("was called");
        (function.outcomes.returned, function.max_concurrent, function.max_concurrent_exact)
    };
    let (calls_of_down, most) = (3 * (CALLS as u64 + 1), CALLS as u64 + 1);
    assert_eq!(calls("::down"), (calls_of_down, Some(most), true));
    assert_eq!(calls("::waits"), (CALLS as u64, Some(CALLS as u64), true));
}
