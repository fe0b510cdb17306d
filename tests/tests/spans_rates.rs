//! A rate that is next to nothing, or next to no limit, is a rate like any other.

use memprobe_tests::record;
use memprobe_tests::uncounted::RecorderLayer;
use tracing::subscriber::with_default;
use tracing::{Span, info_span};
use tracing_subscriber::prelude::*;

memprobe::global_allocator!();

/// Returns how many of 50 spans were written at a rate.
fn written(calls_a_second: f64, span: fn() -> Span) -> usize {
    let layer = memprobe::spans::layer().rate(calls_a_second);
    let subscriber = tracing_subscriber::registry().with(layer).with(RecorderLayer);
    with_default(subscriber, || {
        (0..50).for_each(|_| span().in_scope(|| ()));
        let records = record::take();
        records.iter().filter(|record| record.get("memprobe") == Some("entry")).count()
    })
}

#[test]
fn rates_are_held_to_what_the_attribute_takes() {
    // Each has a limiter of its own.
    assert_eq!(written(1e-6, || info_span!("seldom")), 1);
    assert_eq!(written(1e-11, || info_span!("more seldom")), 1);
    assert_eq!(written(f64::MIN_POSITIVE, || info_span!("hardly")), 1);
    for no_limit in [1e9, 1e300, f64::INFINITY, 0.0, -1.0, f64::NAN] {
        assert_eq!(written(no_limit, || info_span!("always")), 50, "{no_limit}");
    }
}
