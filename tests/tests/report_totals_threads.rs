//! Totals lose nothing: not of threads that end, nor of more threads than there are slots.

use std::hint::black_box;
use std::thread;

use memprobe::{memprobe, probe};

memprobe::global_allocator!();

#[memprobe]
fn works(size: usize) {
    let block = black_box(vec![1_u8; size]);
    probe!("allocated");
    drop(block);
}

/// Calls an annotated function when its thread is past the point where memprobe could still
/// set itself up.
struct CallsInDrop;

impl Drop for CallsInDrop {
    fn drop(&mut self) {
        works(64 << 10);
        probe!("late");
    }
}

thread_local! {
    static CALLS_IN_DROP: CallsInDrop = const { CallsInDrop };
}

fn calls() -> (u64, u64, u64) {
    let report = memprobe::report();
    let Some(works) = report.functions.first() else { return (0, 0, 0) };
    (
        works.outcomes.returned,
        works.figures.as_ref().expect("jemalloc").allocated,
        works.figures.as_ref().expect("jemalloc").peak,
    )
}

#[test]
fn totals_lose_nothing() {
    let size = 64_u64 << 10;

    // More threads at once than there are slots of their own.
    let barrier = std::sync::Barrier::new(100);
    thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| {
                barrier.wait();
                for _ in 0..100 {
                    works(64 << 10);
                }
                barrier.wait();
            });
        }
    });
    assert_eq!(calls(), (10_000, 10_000 * size, size));

    // One after the other: each takes over the slot of the one before.
    for _ in 0..200 {
        thread::spawn(|| works(64 << 10)).join().expect("no panic");
    }
    assert_eq!(calls(), (10_200, 10_200 * size, size));

    let report = memprobe::report();
    let works = &report.functions[0];
    assert_eq!(works.peaks.quantile(0.5), Some(size));
    let labels: Vec<_> =
        works.segments.iter().map(|segment| (segment.from, segment.label)).collect();
    assert_eq!(labels, [("entry", "allocated"), ("allocated", "return")]);
    assert!(works.segments.iter().all(|segment| segment.count == 10_200));
    assert_eq!(
        works.segments[1].figures.as_ref().expect("jemalloc").net(),
        -(10_200 * size as i64)
    );

    memprobe::reset();
    assert_eq!(calls(), (0, 0, 0));
    works_after_reset();

    thread::spawn(|| CALLS_IN_DROP.with(|_| ())).join().expect("no panic");
    assert_eq!(calls(), (4, 3 * size + (1 << 20), 1 << 20), "in a thread-local's destructor");
}

fn works_after_reset() {
    let size = 64 << 10;
    for _ in 0..2 {
        works(size);
    }
    works(1 << 20);
    assert_eq!(calls(), (3, 2 * size as u64 + (1 << 20), 1 << 20));
}
