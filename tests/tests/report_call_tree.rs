//! The call tree: the same helper under two callers is two rows, through sync and async
//! nesting; a recursion folds; and its figures agree with each other.

use std::hint::black_box;

use memprobe::report::Node;
use memprobe::{memprobe, probe};
use memprobe_tests::yield_now;

memprobe::global_allocator!();

const KIB: usize = 1 << 10;

#[memprobe]
fn helper(kib: usize) -> Vec<u8> {
    black_box(vec![1; kib * KIB])
}

#[memprobe]
fn first() {
    let kept = helper(64);
    probe!("helped");
    drop(black_box(vec![1_u8; 256 * KIB]));
    drop(kept);
}

#[memprobe]
async fn second() {
    yield_now().await;
    let one = helper(128);
    yield_now().await;
    drop((one, helper(128)));
    deeper().await;
}

#[memprobe]
async fn deeper() {
    yield_now().await;
    drop(helper(32));
}

#[memprobe]
fn countdown(n: usize) -> usize {
    let block = black_box(vec![1_u8; 64 * KIB]);
    let below = if n == 0 { 0 } else { countdown(n - 1) + leaf() };
    block.len() + below
}

#[memprobe]
fn leaf() -> usize {
    black_box(vec![1_u8; 64 * KIB]).len()
}

/// Path, calls, allocated, self allocated and peak in KiB.
fn rows(nodes: &[Node]) -> Vec<(String, u64, u64, u64, u64)> {
    let mut rows = Vec::new();
    for node in nodes {
        let name = node.function.rsplit("::").next().unwrap_or(node.function);
        let of = node.figures.expect("jemalloc");
        let kib = |bytes: u64| bytes >> 10;
        let row = (
            name.to_owned(),
            node.outcomes.calls(),
            kib(of.allocated),
            kib(of.self_allocated),
            kib(of.peak),
        );
        rows.push(row);
        for (path, calls, allocated, own, peak) in self::rows(&node.children) {
            rows.push((format!("{name} {path}"), calls, allocated, own, peak));
        }
    }
    rows
}

fn row(
    path: &str,
    calls: u64,
    allocated: u64,
    own: u64,
    peak: u64,
) -> (String, u64, u64, u64, u64) {
    (path.to_owned(), calls, allocated, own, peak)
}

#[tokio::test(flavor = "current_thread")]
async fn figures_by_calling_context() {
    for _ in 0..3 {
        first();
    }
    second().await;
    drop(helper(8));
    let report = memprobe::report();
    assert_eq!(
        rows(&report.tree),
        [
            row("first", 3, 3 * 320, 3 * 256, 320),
            row("first helper", 3, 3 * 64, 3 * 64, 64),
            row("second", 1, 288, 0, 256),
            row("second helper", 2, 256, 256, 128),
            row("second deeper", 1, 32, 0, 32),
            row("second deeper helper", 1, 32, 32, 32),
            row("helper", 1, 8, 8, 8),
        ]
    );
    let function = |name: &str| {
        let found = report.functions.iter().find(|function| function.name.ends_with(name));
        found.expect(name)
    };
    let helper = function("::helper");
    assert_eq!(helper.outcomes.calls(), 7, "in all contexts");
    assert_eq!(helper.figures.expect("jemalloc").allocated, 488 << 10);
    assert_eq!(helper.peaks.count(), 7);
    assert_eq!(helper.peaks.quantile(1.0), Some(128 << 10));
    assert_eq!(helper.first_call.expect("a first call").peak, 64 << 10);
    assert_eq!(helper.max_concurrent, Some(1));
    let first = function("::first").figures.expect("jemalloc");
    assert_eq!((first.peak, first.self_peak), (320 << 10, Some(256 << 10)));
    let second = function("::second").figures.expect("jemalloc");
    assert_eq!((second.peak, second.self_peak), (256 << 10, Some(0)), "all of it is helper's");

    memprobe::reset();
    assert_eq!(countdown(9), 19 * 64 * KIB);
    let report = memprobe::report();
    assert_eq!(
        rows(&report.tree),
        [row("countdown", 10, 19 * 64, 10 * 64, 640), row("countdown leaf", 9, 9 * 64, 9 * 64, 64),],
        "a recursion is one row, and its bytes are counted once"
    );
    assert_eq!(report.folded_calls, 0);
    let cold = report.functions[0].first_call;
    assert_eq!(cold.expect("the innermost ends first").peak, 64 << 10);
    a_helper_of_many_callers();
}

macro_rules! callers {
    ($($name:ident)*) => {
        $(
            #[memprobe]
            fn $name() {
                drop(helper(1));
            }
        )*
        const CALLERS: &[fn()] = &[$($name),*];
    };
}

callers! {
    c00 c01 c02 c03 c04 c05 c06 c07 c08 c09 c10 c11 c12 c13 c14 c15 c16 c17 c18 c19
    c20 c21 c22 c23 c24 c25 c26 c27 c28 c29 c30 c31 c32 c33 c34 c35 c36 c37 c38 c39
}

/// More contexts than the tree has room for: the rest says how many it is, and is in the
/// figures of the function and of its callers.
fn a_helper_of_many_callers() {
    memprobe::reset();
    for caller in CALLERS {
        caller();
    }
    let report = memprobe::report();
    let rows = rows(&report.tree);
    assert_eq!(rows.iter().filter(|row| !row.0.contains(' ')).count(), 40, "{rows:#?}");
    assert!(rows.iter().filter(|row| !row.0.contains(' ')).all(|row| row.2 == 1), "{rows:#?}");
    let known = rows.iter().filter(|row| row.0.ends_with(" helper")).count() as u64;
    assert!(known > 20, "{rows:#?}");
    assert_eq!(known + report.folded_calls, 40);
    let helper = report.functions.iter().find(|function| function.name.ends_with("::helper"));
    let helper = helper.expect("helper");
    assert_eq!(helper.outcomes.calls(), 40);
    assert_eq!(helper.figures.expect("jemalloc").allocated, 40 << 10);
}
