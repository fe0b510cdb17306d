//! What memprobe makes for a function when it first needs it is in no figure.

use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use memprobe::Report;

memprobe::global_allocator!();

const THREADS: usize = 2;
const NAMES: usize = 300;
/// A histogram needs its second part when a thread has counted so many calls of about one size.
const CALLS: usize = 256;
const BYTES: usize = 4096;

/// Returns what the calls of a function have allocated and freed, in bytes.
fn bytes_of(report: &Report, name: &str) -> (u64, u64) {
    let function = report.functions.iter().find(|function| function.name == name);
    let figures = function.and_then(|function| function.figures).expect("figures");
    (figures.allocated, figures.freed)
}

#[test]
fn what_several_threads_need_at_the_same_time_is_in_no_figure() {
    let names: Vec<&'static str> =
        (0..NAMES).map(|at| &*Box::leak(format!("scope {at}").into_boxed_str())).collect();
    let arrived = AtomicUsize::new(0);
    // Threads that wait in the kernel would not go on together.
    let together = |turn: usize| {
        arrived.fetch_add(1, SeqCst);
        let mut spins = 0_u32;
        while arrived.load(SeqCst) < turn * THREADS {
            spins += 1;
            if spins % 10_000 == 0 { thread::yield_now() } else { spin_loop() }
        }
    };
    // What is made at the end of a call would count for the call around it.
    let calls = |turn: usize, name: &'static str| {
        for call in 0..CALLS {
            if call == CALLS - 1 {
                together(turn);
            }
            memprobe::scope(name, || drop(black_box(Vec::<u8>::with_capacity(BYTES))));
        }
    };
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                memprobe::scope("around", || {
                    (1..).zip(&names).for_each(|(turn, name)| calls(turn, name));
                });
            });
        }
    });

    let report = memprobe::report();
    let bytes = (THREADS * CALLS * BYTES) as u64;
    for name in &names {
        assert_eq!(bytes_of(&report, name), (bytes, bytes), "{name}");
    }
    let all = bytes * NAMES as u64;
    // Where they come together, all but one drop what they made.
    assert_eq!(bytes_of(&report, "around"), (all, all));
}

#[memprobe::memprobe(above = "1 GiB")]
fn bounded() {}

#[test]
fn what_a_bound_needs_is_in_no_figure_where_only_warnings_are_wanted() {
    tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).init();
    memprobe::scope("around a bound", || (0..3).for_each(|_| bounded()));
    assert_eq!(bytes_of(&memprobe::report(), "around a bound"), (0, 0));
}
