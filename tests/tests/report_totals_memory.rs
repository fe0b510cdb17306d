//! Totals stay small: 200 points that 512 threads have hit take at most 4 MiB.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;

memprobe::global_allocator!();

const POINTS: usize = 200;
const THREADS: usize = 512;
const CALLS: u64 = 20;

fn allocated() -> u64 {
    memprobe::process().heap.expect("jemalloc").allocated
}

#[test]
fn totals_are_small() {
    let names: Vec<&'static str> = (0..POINTS).map(|n| &*format!("point {n}").leak()).collect();
    let before = allocated();
    // All at once, so that each slot is taken.
    let barrier = Barrier::new(THREADS);
    let work = || {
        barrier.wait();
        for name in &names {
            // Of many sizes, so that distributions are there in whole.
            for n in 0..CALLS {
                memprobe::scope(name, || black_box(vec![0_u8; 8 << (n % 10)]));
            }
        }
        barrier.wait();
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        // Joined one by one: the end of the scope does not wait for what jemalloc keeps for
        // each thread to be given back.
        for thread in threads {
            thread.join().expect("no panic");
        }
    });
    let taken = allocated() - before;
    println!("{} KiB", taken >> 10);
    assert!(taken <= 4 << 20, "{taken} bytes");
    // And it is all there.
    let report = memprobe::report();
    assert_eq!(report.functions.len(), POINTS);
    for function in &report.functions {
        let calls = THREADS as u64 * CALLS;
        assert_eq!(function.outcomes.returned, calls);
        let figures = function.figures.as_ref().expect("jemalloc");
        assert_eq!(function.peaks.quantile(1.0), Some(figures.peak));
        let smallest = function.allocations.quantile(0.1).expect("calls");
        assert!(smallest.abs_diff(8) <= 1, "a tenth of the calls took 8 bytes: {smallest}");
        let half = function.allocations.quantile(0.5).expect("calls");
        assert!(half.abs_diff(128) <= 16, "half took up to 128: {half}");
    }
}
