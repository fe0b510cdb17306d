//! Calls that are not left in the order of a stack, as with coroutines that share a thread: no
//! figure is lost.

use std::thread;

use memprobe::__private::{enter, site};
use memprobe::probe;
use memprobe_tests::{block, function};

memprobe::global_allocator!();

const MIB: u64 = 1 << 20;

/// Allocated, freed and peak in MiB: with nested calls, and the function's own.
fn figures(name: &str) -> ([u64; 3], [u64; 3]) {
    let function = function(name).unwrap_or_else(|| panic!("no {name}"));
    let figures = function.figures.expect("jemalloc");
    let own_peak = figures.self_peak.expect("a function");
    (
        [figures.allocated, figures.freed, figures.peak].map(|bytes| bytes / MIB),
        [figures.self_allocated, figures.self_freed, own_peak].map(|bytes| bytes / MIB),
    )
}

#[test]
fn an_outer_call_may_end_first() {
    let around = enter(site!(INFO, name: "around",));
    let first = enter(site!(INFO, name: "first",));
    let second = enter(site!(INFO, name: "second",));
    drop(block(10));
    drop(first);
    let kept = block(1);
    drop(second);
    drop(kept);
    drop(around);

    // The last block is freed in the call around.
    assert_eq!(figures("around"), ([11, 11, 10], [0, 1, 0]));
    assert_eq!(figures("first"), ([10, 10, 10], [0, 0, 0]));
    assert_eq!(figures("second"), ([11, 10, 10], [11, 10, 10]));
}

#[test]
fn carried_work_of_an_outer_call_is_not_added_to_what_was_reached_before() {
    let outer = enter(site!(INFO, name: "outer",));
    let work = memprobe::carry(|| block(5));
    let inner = enter(site!(INFO, name: "inner",));
    drop(block(8));
    probe!("reached");
    let kept = thread::spawn(work).join().expect("no panic");
    drop(outer);
    drop(inner);
    drop(kept);
    assert_eq!(figures("outer").0, [13, 8, 8]);
    assert_eq!(figures("inner").0, [8, 8, 8]);
}
