//! Every quantile of a report, against the sorted figures of the calls, one by one.

use std::hint::black_box;

use memprobe::report::{Distribution, Function};
use memprobe::{measure, memprobe, probe};

memprobe::global_allocator!();

const KIB: usize = 1 << 10;

/// Allocates these blocks one after the other.
#[memprobe(name = "plain")]
fn plain(blocks: &[usize]) {
    for &block in blocks {
        drop(black_box(vec![1_u8; block]));
    }
}

#[memprobe(name = "probed")]
fn probed(blocks: &[usize]) {
    let (first, rest) = blocks.split_at(blocks.len() / 2);
    for &block in first {
        drop(black_box(vec![1_u8; block]));
    }
    probe!("half");
    let one: Vec<Vec<u8>> = rest.iter().map(|&block| black_box(vec![1_u8; block])).collect();
    drop(black_box(one));
}

/// What the calls of one function did.
#[derive(Default)]
struct Calls {
    peaks: Vec<u64>,
    allocated: Vec<u64>,
}

impl Calls {
    fn run(&mut self, call: impl FnOnce()) {
        let ((), usage) = measure(call).expect("jemalloc");
        self.peaks.push(usage.peak);
        self.allocated.push(usage.allocated);
    }
}

fn hold(distribution: &Distribution, values: &[u64], is_exact_at_the_top: bool) {
    let mut values = values.to_vec();
    values.sort_unstable();
    assert_eq!(distribution.count(), values.len() as u64);
    for percent in 0..=100 {
        let q = f64::from(percent) / 100.0;
        let rank = (q * values.len() as f64).ceil().max(1.0) as usize;
        let (found, right) = (distribution.quantile(q).expect("calls"), values[rank - 1]);
        assert!(found.abs_diff(right) * 8 <= right, "p{percent} of {values:?}: {found}");
    }
    if is_exact_at_the_top {
        assert_eq!(distribution.quantile(1.0), values.last().copied());
    }
}

fn function(name: &str) -> Function {
    let report = memprobe::report();
    report.functions.into_iter().find(|function| function.name == name).expect("it was called")
}

#[test]
fn every_quantile_is_that_of_the_calls() {
    let mut random = 7_u64;
    let mut below = |end: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (random >> 33) as usize % end
    };
    for count in (1..=21).chain([99, 100, 101, 300]) {
        memprobe::reset();
        let (mut plain, mut probed) = (Calls::default(), Calls::default());
        for _ in 0..count {
            // One of five does nothing with memory.
            let blocks = if below(5) == 0 { 0 } else { 1 + below(6) };
            // Where all are large, peaks are exact.
            let blocks: Vec<usize> = (0..blocks).map(|_| (64 * KIB) << below(4)).collect();
            plain.run(|| self::plain(&blocks));
            probed.run(|| self::probed(&blocks));
        }
        let of_plain = function("plain");
        hold(&of_plain.peaks, &plain.peaks, true);
        hold(&of_plain.allocations, &plain.allocated, false);
        let [segment] = &of_plain.segments[..] else { panic!("{:?}", of_plain.segments) };
        hold(&segment.peaks, &plain.peaks, true);
        hold(&segment.allocations, &plain.allocated, false);
        let of_probed = function("probed");
        hold(&of_probed.peaks, &probed.peaks, true);
        hold(&of_probed.allocations, &probed.allocated, false);
        assert_eq!(of_probed.segments.len(), 2);
    }
    calls_that_are_all_the_same_have_the_same_at_every_quantile();
}

fn calls_that_are_all_the_same_have_the_same_at_every_quantile() {
    #[memprobe(name = "one")]
    fn one() {
        black_box(vec![1_u8; 1 << 20]);
    }
    memprobe::reset();
    for _ in 0..10 {
        one();
    }
    let report = memprobe::report();
    let one = report.functions.iter().find(|function| function.name == "one").expect("called");
    for q in [0.0, 0.5, 0.95, 0.99, 1.0] {
        let found = one.allocations.quantile(q).expect("calls");
        assert!(found.abs_diff(1 << 20) <= 1 << 17, "{q}: {found}");
    }
}
