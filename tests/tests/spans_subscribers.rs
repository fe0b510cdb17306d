//! The layer in subscribers of all kinds: scoped ones, two at once, with filters of single layers, and
//! filters that are reloaded.

use std::sync::Arc;

use memprobe_tests::uncounted::RecorderLayer;
use memprobe_tests::{block, function, record};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::with_default;
use tracing::{debug_span, info, info_span};
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::prelude::*;
use tracing_subscriber::{registry, reload};

memprobe::global_allocator!();

fn calls(name: &str) -> u64 {
    function(name).map_or(0, |function| function.outcomes.calls())
}

#[test]
fn a_scoped_subscriber_has_its_own_spans() {
    let outer = registry().with(memprobe::spans::layer());
    let inner = registry().with(memprobe::spans::layer());
    with_default(outer, || {
        let span = info_span!("of_outer");
        let _entered = span.enter();
        with_default(inner, || {
            // Both registries give the same id to their first span.
            info_span!("of_inner").in_scope(|| drop(block(1)));
            span.in_scope(|| drop(block(1)));
        });
        drop(block(1));
    });
    assert_eq!((calls("::of_outer"), calls("::of_inner")), (1, 1));
    let allocated = |name| function(name).expect("it").figures.expect("jemalloc").allocated >> 20;
    assert_eq!((allocated("::of_outer"), allocated("::of_inner")), (3, 1));
    info_span!("of_nobody").in_scope(|| drop(block(1)));
    assert_eq!(calls("::of_nobody"), 0);
}

#[test]
fn two_layers_in_one_subscriber_make_one_call() {
    let both = registry().with(memprobe::spans::layer()).with(memprobe::spans::layer());
    with_default(memprobe::spans::ignore(both), || {
        info_span!("doubled").in_scope(|| drop(block(1)));
    });
    assert_eq!(calls("::doubled"), 1);
}

#[test]
fn the_filter_chooses_the_spans() {
    let ours: Targets = "chosen=debug".parse().expect("directives");
    let layer = memprobe::spans::layer()
        .filter(move |metadata| ours.would_enable(metadata.target(), metadata.level()));
    with_default(registry().with(layer), || {
        debug_span!(target: "chosen", "taken").in_scope(|| drop(block(1)));
        debug_span!(target: "other", "not_taken").in_scope(|| drop(block(1)));
    });
    assert_eq!((calls("chosen::taken"), calls("other::not_taken")), (1, 0));
}

#[test]
fn a_filter_of_the_layer_alone_may_be_reloaded() {
    let (filter, handle) = reload::Layer::new(LevelFilter::INFO);
    let layer = memprobe::spans::layer().with_filter(filter);
    with_default(registry().with(layer).with(RecorderLayer), || {
        let reloaded = || debug_span!("reloaded").in_scope(|| drop(block(1)));
        reloaded();
        assert_eq!(calls("::reloaded"), 0);
        let open = info_span!("open_meanwhile");
        let entered = open.enter();
        handle.reload(LevelFilter::DEBUG).expect("it lives");
        reloaded();
        assert_eq!(calls("::reloaded"), 1);
        handle.reload(LevelFilter::OFF).expect("it lives");
        reloaded();
        drop(block(1));
        drop(entered);
        drop(open);
        assert_eq!(calls("::reloaded"), 1);
        assert!(calls("::open_meanwhile") <= 1);
    });
}

/// An event that is written while another is on its way would take away what the filters of single
/// layers have decided about that one.
#[test]
fn events_as_probes_take_no_event_from_a_filtered_layer() {
    let seen = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let counting = filter_fn(move |metadata| {
        if metadata.target() == "app" {
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        metadata.target() == "app"
    });
    let subscriber = registry()
        .with(RecorderLayer.with_filter(filter_fn(|metadata| metadata.target() == "app")))
        .with(memprobe::spans::layer().events(true).rate(0.0))
        .with(RecorderLayer.with_filter(counting));
    with_default(subscriber, || {
        info_span!("probed").in_scope(|| {
            for _ in 0..10 {
                info!(target: "app", "step");
                drop(block(1));
            }
        });
    });
    let events = record::take();
    let of_app = events.iter().filter(|event| event.metadata.target() == "app").count();
    assert_eq!(of_app, 20, "each layer has seen each");
    assert_eq!(calls("::probed"), 1);
    let segments = function("::probed").expect("it").segments;
    let steps = segments.iter().filter(|segment| segment.label == "step");
    assert_eq!(steps.map(|segment| segment.count).sum::<u64>(), 10);
}
