//! Exact figures of a closure and of a future, and the assertion on a peak.

use std::hint::black_box;
use std::panic::catch_unwind;

use memprobe::{assert_peak, measure, measure_future, memprobe, probe};
use memprobe_tests::yield_now;

memprobe::global_allocator!();

const MIB: usize = 1 << 20;

#[memprobe]
fn annotated() -> Vec<u8> {
    let kept = black_box(vec![1_u8; 2 * MIB]);
    probe!("kept");
    drop(black_box(vec![1_u8; 3 * MIB]));
    kept
}

fn work() -> Vec<u8> {
    let first = black_box(vec![1_u8; MIB]);
    let kept = annotated();
    drop(first);
    kept
}

fn message(failing: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let panic = catch_unwind(failing).expect_err("the assertion fails");
    *panic.downcast::<String>().expect("a message")
}

#[tokio::test(flavor = "current_thread")]
async fn figures_of_a_piece_of_work() {
    let (kept, usage) = measure(work).expect("jemalloc");
    assert_eq!(kept.len(), 2 * MIB);
    assert_eq!((usage.allocated, usage.freed), (6 << 20, 4 << 20));
    assert_eq!((usage.peak, usage.net()), (6 << 20, 2 << 20));
    drop(kept);

    // Not in the totals, and nested ones count for each other.
    let (inner, outer) = measure(|| measure(work).expect("jemalloc").1).expect("jemalloc");
    assert_eq!((inner.peak, inner.net()), (6 << 20, 2 << 20));
    assert_eq!((outer.peak, outer.net()), (6 << 20, 0));
    let report = memprobe::report();
    assert_eq!(report.functions.len(), 1, "{report}");
    assert_eq!(report.functions[0].outcomes.returned, 2);

    let before = black_box(vec![1_u8; MIB]);
    let future = async move {
        let held = black_box(vec![1_u8; 4 * MIB]);
        yield_now().await;
        drop(before);
        held
    };
    let other = async {
        // Between the polls: in nobody's figures.
        drop(black_box(vec![1_u8; 32 * MIB]));
        yield_now().await;
    };
    let (measured, ()) = tokio::join!(measure_future(future), other);
    let (held, usage) = measured.expect("jemalloc");
    assert_eq!(held.len(), 4 * MIB);
    assert_eq!((usage.peak, usage.net()), (4 << 20, 3 << 20), "a free counts where it happens");

    assertions();
}

fn assertions() {
    assert_eq!(assert_peak!(6 * MIB, work).len(), 2 * MIB);
    assert_peak!(6 << 20, || drop(work()), "page {}", 3);

    let text = message(|| drop(assert_peak!(5 * MIB, work)));
    assert!(text.starts_with("the peak is 1.0 MiB over 5.0 MiB\n"), "{text}");
    assert!(text.contains("peak 6.0 MiB (6291456 B), kept +2.0 MiB"), "{text}");
    let text = message(|| drop(assert_peak!(5 * MIB, work, "page {}", 3)));
    assert!(text.starts_with("the peak is 1.0 MiB over 5.0 MiB: page 3\n"), "{text}");
    let text = message(|| drop(assert_peak!(-1, work)));
    assert!(text.contains("-1 bytes is no bound"), "{text}");
}
