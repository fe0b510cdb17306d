//! What memprobe returns counts for the function that asks for it, and what making it takes does not.

use std::hint::black_box;

use memprobe::{Usage, measure, memprobe, probe};

memprobe::global_allocator!();

#[memprobe]
fn works() {
    let block = black_box(vec![1_u8; 100_000]);
    probe!("filled");
    drop(block);
}

fn usage<T>(work: impl FnOnce() -> T) -> (T, Usage) {
    measure(work).expect("jemalloc is the allocator")
}

fn is_value_alone<T: Clone>(name: &str, ask: fn() -> T) {
    // Twice, because there is something to be made at the first time.
    for _ in 0..2 {
        let (value, made) = usage(ask);
        let (copy, copied) = usage(|| black_box(value.clone()));
        let ((), dropped) = usage(|| drop(value));
        drop(copy);
        assert!(made.allocated > 0, "{name} has memory");
        assert_eq!(made, copied, "{name}");
        assert_eq!((dropped.allocated, dropped.freed), (0, made.allocated), "{name}");
    }
}

#[test]
fn what_is_returned_counts_and_what_it_took_does_not() {
    (0..10).for_each(|_| works());
    is_value_alone("report()", memprobe::report);
    is_value_alone("in_flight()", || memprobe::scope("running", memprobe::in_flight));
    is_value_alone("status()", memprobe::status);

    // Where no limit is set, these have no memory.
    let (process, made) = usage(memprobe::process);
    let ((), dropped) = usage(|| drop(process));
    assert_eq!((made.freed, made.allocated), (0, dropped.freed), "process()");
    let ((), reset) = usage(memprobe::reset);
    assert_eq!((reset.allocated, reset.freed), (0, 0), "reset()");
}

#[test]
fn the_report_at_the_end_is_in_no_figure() {
    let (report, made) = usage(memprobe::report_on_exit);
    assert_eq!((made.allocated, made.freed), (0, 0));
    let ((), dropped) = usage(|| drop(report));
    assert_eq!((dropped.allocated, dropped.freed), (0, 0));
}
