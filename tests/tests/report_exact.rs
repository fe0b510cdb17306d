//! The report against the independent exact counter: sums equal to the byte, peaks as
//! documented, in the value, the table and JSON.

use std::hint::black_box;

use memprobe::memprobe;
use memprobe_tests::exact::{Exact, Figures, Scope};
use serde_json::Value;

#[global_allocator]
static ALLOCATOR: Exact<memprobe::Allocator> = Exact(memprobe::Allocator);

const KIB: usize = 1 << 10;

#[memprobe]
fn inner(kib: usize) -> (Vec<u8>, Figures) {
    let scope = Scope::begin();
    let mut block = black_box(vec![1_u8; 64 * KIB]);
    block.reserve_exact(kib * KIB);
    drop(black_box(vec![1_u8; 96 * KIB]));
    block.shrink_to(80 * KIB);
    (block, scope.end())
}

#[memprobe]
fn outer(kib: usize, inners: &mut Vec<Figures>) -> Figures {
    let scope = Scope::begin();
    let (first, figures) = inner(kib);
    inners.push(figures);
    let (second, figures) = inner(kib * 2);
    inners.push(figures);
    drop(first);
    let _third = black_box(vec![second[0]; 200 * KIB]);
    scope.end()
}

/// Sums, and the highest peak.
fn sum(all: &[Figures]) -> (u64, u64, u64) {
    all.iter().fold((0, 0, 0), |(allocated, freed, peak), figures| {
        (allocated + figures.allocated, freed + figures.freed, peak.max(figures.peak))
    })
}

#[test]
fn the_report_has_what_the_counter_has() {
    let mut inners = Vec::with_capacity(100);
    let mut outers = Vec::with_capacity(50);
    // The counter would count what memprobe makes for itself the first few times.
    for round in 0..4 {
        outer(100 + round, &mut inners);
    }
    inners.clear();
    memprobe::reset();
    for round in 0..50 {
        outers.push(outer(100 + round * 7, &mut inners));
    }
    let report = memprobe::report();
    let json: Value = {
        let mut bytes = Vec::new();
        report.write_json(&mut bytes).expect("into memory");
        serde_json::from_slice(&bytes).expect("JSON")
    };
    for (name, exact, freed_late) in [("inner", &inners, 0), ("outer", &outers, 1)] {
        let path = format!("report_exact::{name}");
        let (allocated, freed, peak) = sum(exact);
        let function = report.functions.iter().find(|function| function.name == path);
        let function = function.expect("a function that ran");
        let ours = function.figures.expect("jemalloc");
        assert_eq!(ours.allocated, allocated, "{name}");
        // What a body drops at its end is freed behind the counter's scope, and in the call.
        let late = ours.freed - freed;
        assert_eq!(late > 0, freed_late > 0, "{name}: {late}");
        assert_eq!(ours.peak, peak, "{name}");

        let theirs = json["functions"].as_array().expect("a list");
        let theirs = theirs.iter().find(|function| function["name"] == *path).expect("the same");
        assert_eq!(theirs["figures"]["allocated"], ours.allocated);
        assert_eq!(theirs["figures"]["freed"], ours.freed);
        assert_eq!(theirs["figures"]["peak"], ours.peak);
    }
    let self_allocated: u64 =
        report.functions.iter().filter_map(|function| Some(function.figures?.self_allocated)).sum();
    assert_eq!(self_allocated, sum(&outers).0, "each byte is some function's own, once");
}
