//! Totals and the report of thousands of functions: so many bytes for each segment, however
//! many there are.

use std::hint::black_box;

use memprobe::{measure, probe, scope};

memprobe::global_allocator!();

/// Segments of one function; its totals have its whole calls too.
const SEGMENTS: u64 = 4;

/// Calls functions of these names, each a few times. Every tenth calls the next.
fn run(names: &[&'static str]) {
    for (at, name) in names.iter().enumerate() {
        let nested = names.get(at + 1).filter(|_| at % 10 == 0);
        (0..3).for_each(|n| page(name, nested.copied(), n));
    }
}

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

fn allocated() -> u64 {
    memprobe::process().heap.expect("jemalloc").allocated
}

#[test]
fn so_many_bytes_for_each_segment() {
    let names: Vec<&'static str> =
        (0..5500).map(|n| &*format!("app::handlers::page_{n:05}").leak()).collect();
    let (few, many) = names.split_at(500);
    run(few);
    let (report, small) = measure(memprobe::report).expect("jemalloc");
    assert_eq!(report.functions.len(), few.len());
    drop(report);

    let before = allocated();
    run(many);
    let segments = SEGMENTS * many.len() as u64;
    let totals = (allocated() - before) / (segments + many.len() as u64);
    let (report, large) = measure(memprobe::report).expect("jemalloc");
    assert_eq!(report.functions.len(), names.len());
    let rows = report.functions.iter().map(|function| function.segments.len() as u64);
    assert!(rows.sum::<u64>() >= SEGMENTS * names.len() as u64);

    let value = (large.net() - small.net()) as u64 / segments;
    println!("{totals} bytes of totals and {value} bytes of a report for each segment");
    assert!(totals <= 2 << 10, "{totals} bytes of totals for a segment");
    assert!(value <= 512, "{value} bytes of a report for a segment");
    // And to make it takes no more than a few times that.
    let churn = (large.allocated - small.allocated) / segments;
    assert!(churn <= 4 * value, "{churn} bytes allocated for a segment");
}
