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

/// The exit is in the span that is closed, with its fields, also where another span is the current one
/// by then. In a subscriber that does not know the span it is in none of them.
#[test]
fn the_exit_is_in_its_span() {
    let lines = memprobe_tests::output::Output::default();
    // A macro, because a layer is of the type of the subscriber below it.
    macro_rules! json {
        () => {
            tracing_subscriber::fmt::layer().json().with_writer(lines.clone())
        };
    }
    with_default(registry().with(memprobe::spans::layer()).with(json!()), || {
        let span = info_span!("told", user = 17);
        span.in_scope(|| drop(block(1)));
        let other = info_span!("around", user = 1);
        let _entered = other.enter();
        drop(span);
        // Without a parent, which the registry would look for in the subscriber that is current then.
        let foreign = info_span!(parent: None, "foreign", user = 99);
        foreign.in_scope(|| drop(block(1)));
        with_default(registry().with(json!()), || {
            let _taken = info_span!("same_id", user = 5).entered();
            drop(foreign);
        });
    });
    let text = lines.take();
    let exit = |name: &str| {
        let is = |line: &&str| line.contains("\"exit\"") && line.contains(name);
        let line = text.lines().find(is).unwrap_or_else(|| panic!("no exit of {name} in {text}"));
        let event: serde_json::Value = serde_json::from_str(line).expect("JSON");
        event["span"]["user"].clone()
    };
    assert_eq!(exit("::told"), 17);
    assert_eq!(exit("::foreign"), 5);
}
