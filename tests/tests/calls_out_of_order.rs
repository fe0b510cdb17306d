//! Calls that are not left in the order of a stack, as with coroutines that share a thread: no
//! figure is lost.

use std::hint::black_box;

use memprobe::__private::{enter, site};

memprobe::global_allocator!();

const MIB: usize = 1 << 20;

#[test]
fn an_outer_call_may_end_first() {
    let around = enter(site!(INFO, name: "around",));
    let first = enter(site!(INFO, name: "first",));
    let second = enter(site!(INFO, name: "second",));
    drop(black_box(Vec::<u8>::with_capacity(10 * MIB)));
    drop(first);
    let block = black_box(Vec::<u8>::with_capacity(MIB));
    drop(second);
    drop(block);
    drop(around);

    assert!(memprobe::in_flight().is_empty());
    let report = memprobe::report();
    let mut rows: Vec<_> = report
        .functions
        .iter()
        .map(|function| {
            let figures = function.figures.expect("jemalloc");
            (function.name, figures.allocated >> 20, figures.freed >> 20, figures.peak >> 20)
        })
        .collect();
    rows.sort_unstable();
    assert_eq!(rows, [("around", 11, 11, 10), ("first", 10, 10, 10), ("second", 11, 10, 10)]);
}
