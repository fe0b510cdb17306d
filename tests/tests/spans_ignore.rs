//! `memprobe::spans::ignore`: what a subscriber allocates for events and spans is in no figure, with
//! the layers that programs use. Functions that are only annotated have the same from it.

use std::hint::black_box;

use memprobe::{measure, memprobe};
use memprobe_tests::block;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use tracing::subscriber::with_default;
use tracing::{Instrument, Subscriber, debug_span, info, info_span, warn};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{fmt, registry};

memprobe::global_allocator!();

/// Logs as a handler does, with fields that are formatted and spans that carry some.
#[memprobe]
fn handler(round: usize) -> Vec<u8> {
    let page = block(1);
    info!(round, bytes = page.capacity(), "read");
    let span = info_span!("parse", round, name = tracing::field::Empty);
    span.in_scope(|| {
        warn!("a line with {} and {:?}", round, "quotes");
        drop(block(2));
        span.record("name", "page");
    });
    debug_span!("idle").follows_from(&span);
    drop(span);
    let kept = black_box(vec![1_u8; 3000]);
    let nested = async {
        info!("inside");
        drop(black_box(vec![1_u8; 500]));
    };
    memprobe_tests::poll(nested.instrument(info_span!("future", kept = kept.len())));
    kept
}

/// What each of some calls allocated, freed and peaked at.
fn figures() -> Vec<(u64, u64, u64)> {
    let measured = |round| {
        let (kept, usage) = measure(|| handler(round)).expect("figures");
        drop(kept);
        (usage.allocated, usage.freed, usage.peak)
    };
    (0..50).map(measured).collect()
}

fn with(subscriber: impl Subscriber + Send + Sync + 'static) -> Vec<(u64, u64, u64)> {
    with_default(memprobe::spans::ignore(subscriber), figures)
}

#[test]
fn the_work_of_the_subscriber_is_in_no_figure() {
    let bare = figures();
    assert!(bare.iter().all(|round| *round == bare[0]), "{bare:?}");

    // Macros, because a layer is of the type of the subscriber below it.
    macro_rules! sink {
        () => {
            fmt::layer().with_span_events(FmtSpan::FULL).with_writer(std::io::sink)
        };
    }
    let seen = with_default(registry().with(sink!()), figures);
    assert_ne!(seen, bare, "without `ignore` it is in the figures: the test can fail");

    assert_eq!(with(registry().with(sink!())), bare, "fmt");
    assert_eq!(with(registry().with(sink!().json())), bare, "JSON");
    assert_eq!(with(registry().with(sink!().pretty())), bare, "pretty");

    // Exports each span when it ends, on the thread that ends it.
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    macro_rules! telemetry {
        () => {
            tracing_opentelemetry::layer().with_tracer(provider.tracer("test"))
        };
    }
    assert_eq!(with(registry().with(telemetry!())), bare, "opentelemetry");
    let spans = exporter.get_finished_spans().expect("the spans");
    assert!(spans.iter().filter(|span| span.name == "parse").count() >= 50, "{}", spans.len());

    // In either order, and with spans that are calls.
    let calls = memprobe::spans::layer;
    assert_eq!(with(registry().with(calls()).with(sink!()).with(telemetry!())), bare, "before");
    assert_eq!(with(registry().with(sink!()).with(telemetry!()).with(calls())), bare, "after");
    let report = memprobe::report();
    let parse = report.functions.iter().find(|function| function.name.ends_with("::parse"));
    let figures = parse.expect("the span").figures.expect("jemalloc");
    assert_eq!((figures.allocated >> 20, figures.net(), figures.peak), (200, 0, 2 << 20));
}

/// Layers that look for others by their types find them.
#[test]
fn other_layers_still_find_each_other() {
    use opentelemetry::trace::TraceContextExt;
    use tracing_opentelemetry::OpenTelemetrySpanExt;
    let provider = SdkTracerProvider::builder().build();
    let telemetry = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    with_default(memprobe::spans::ignore(registry().with(telemetry)), || {
        let context = info_span!("traced").context();
        assert!(context.span().span_context().is_valid());
    });
}
