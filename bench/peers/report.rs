//! Thousands of functions and the report of them: `report FUNCTIONS` prints what they take,
//! `report FUNCTIONS CASE` runs one case for callgrind to count. What is counted is `counted`.

use std::hint::black_box;

use memprobe::{Report, measure, probe, scope};
use memprobe_bench::harness::{cpu_time, print};

memprobe::global_allocator!();

/// Segments of one function, and its whole calls.
const SEGMENTS: f64 = 5.0;

/// Calls functions of these names, each a few times. Every tenth calls the next.
fn run(names: &[&'static str]) {
    for (at, name) in names.iter().enumerate() {
        let nested = names.get(at + 1).filter(|_| at % 10 == 0);
        (0..3).for_each(|n| page(name, nested.copied(), n));
    }
}

/// Its own place and name make a function of each.
fn page(name: &'static str, nested: Option<&'static str>, n: usize) {
    scope(name, || {
        let kept = black_box(vec![1_u8; 1000]);
        probe!("received");
        drop(black_box(vec![1_u8; 100 << n]));
        probe!("decoded");
        if let Some(nested) = nested {
            page(nested, None, n);
        }
        probe!("resized");
        drop(kept);
    });
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let functions = arguments.next().and_then(|n| n.parse().ok()).expect("a number of functions");
    let names: Vec<&'static str> =
        (0..functions).map(|n| &*format!("app::handlers::page_{n:05}").leak()).collect();
    match arguments.next().as_deref() {
        None => show(&names),
        Some("first calls") => counted(&mut || run(&names)),
        Some("report") => {
            run(&names);
            counted(&mut || drop(black_box(memprobe::report())));
        }
        Some("text") => {
            run(&names);
            let report = memprobe::report();
            counted(&mut || drop(black_box(report.to_string())));
        }
        Some(unknown) => panic!("no case {unknown:?}"),
    }
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "Rust" fn counted(f: &mut dyn FnMut()) {
    f();
}

fn show(names: &[&'static str]) {
    let allocated = || memprobe::process().heap.map_or(0, |heap| heap.allocated);
    let before = allocated();
    took("first calls, ms", || run(names));
    let segments = names.len() as f64 * SEGMENTS;
    let totals = (allocated() - before) as f64;
    print("totals, bytes a segment", 0.0, totals / segments);
    let report = took("report(), ms", memprobe::report);
    took("report() again, ms", memprobe::report);
    took("its text, ms", || report.to_string());
    let of = |report: &Report| report.functions.iter().map(|one| one.segments.len()).sum::<usize>();
    if let Ok((report, usage)) = measure(memprobe::report) {
        print("the value, bytes", 0.0, usage.net() as f64);
        print("the value, bytes a segment", 0.0, usage.net() as f64 / of(&report) as f64);
    }
}

fn took<T>(case: &str, f: impl FnOnce() -> T) -> T {
    let start = cpu_time();
    let result = black_box(f());
    print(case, 0.0, cpu_time().saturating_sub(start).as_secs_f64() * 1e3);
    result
}
