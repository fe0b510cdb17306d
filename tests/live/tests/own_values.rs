//! What `live()` returns counts for the function that asks for it, and what it and `reset()` take does
//! not.

use std::hint::black_box;
use std::thread::sleep;
use std::time::Duration;

use memprobe::{Usage, measure};
use memprobe_live::MIB;

memprobe::global_allocator!(live);

fn usage<T>(work: impl FnOnce() -> T) -> (T, Usage) {
    measure(work).expect("jemalloc is the allocator")
}

fn live() -> memprobe::report::Live {
    memprobe::live().expect("it is sampled")
}

#[test]
fn what_live_returns_counts_and_what_it_took_does_not() {
    let held: Vec<_> = (0..400).map(|_| black_box(vec![1_u8; MIB / 10])).collect();
    // Each look adds a point to the history, if it comes late enough.
    for _ in 0..10 {
        live();
        sleep(Duration::from_millis(30));
    }
    let (value, made) = usage(live);
    assert!(!value.owners.is_empty(), "{value:?}");
    let (copy, copied) = usage(|| black_box(value.clone()));
    let ((), dropped) = usage(|| drop(value));
    drop(copy);
    assert_eq!(made, copied);
    assert_eq!((dropped.allocated, dropped.freed), (0, made.allocated));

    let ((), reset) = usage(memprobe::reset);
    assert_eq!((reset.allocated, reset.freed), (0, 0), "the history is no memory of the caller");
    drop(held);
}
