//! The events of the program as probes: they end segments, named by their literal messages.

use memprobe::memprobe;
use memprobe::report::Function;
use memprobe_tests::uncounted::RecorderLayer;
use memprobe_tests::{block, function, record};
use tracing::{info, info_span, warn};
use tracing_subscriber::prelude::*;

memprobe::global_allocator!();

fn segments(function: &Function) -> Vec<(&str, &str, u64, u64)> {
    let mut segments: Vec<_> = function
        .segments
        .iter()
        .map(|segment| {
            let allocated = segment.figures.expect("jemalloc").allocated >> 20;
            (segment.from, segment.label, segment.count, allocated)
        })
        .collect();
    segments.sort_unstable();
    segments
}

fn greet(name: &str) {
    info!("{name}");
}

#[memprobe]
fn annotated() {
    drop(block(1));
    info!("in a function");
    drop(block(2));
}

#[test]
fn events_end_segments() {
    let subscriber = tracing_subscriber::registry()
        .with(RecorderLayer)
        .with(memprobe::spans::layer().events(true));
    memprobe::spans::ignore(subscriber).init();

    info!("outside any span");
    info_span!("handler").in_scope(|| {
        let image = block(3);
        info!(bytes = image.capacity(), "decoded");
        drop(block(1));
        // Its arguments are in the message.
        warn!("kept {}", image.capacity());
        annotated();
        info!(found = true);
    });

    let handler = function("spans_events::handler").expect("it");
    let place = |label: &str| label.starts_with("spans_events.rs:");
    let found = segments(&handler);
    let labels: Vec<_> = found.iter().map(|segment| segment.1).collect();
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found.contains(&("entry", "decoded", 1, 3)), "{found:?}");
    assert_eq!(labels.iter().filter(|label| place(label)).count(), 2, "{found:?}");
    assert!(found.iter().any(|segment| place(segment.0) && segment.1 == "close"), "{found:?}");
    let annotated = function("spans_events::annotated").expect("it");
    assert_eq!(
        segments(&annotated),
        [("entry", "in a function", 1, 1), ("in a function", "return", 1, 2)]
    );

    // The figures follow the event at once, at its level, and belong to the call.
    let records = record::take();
    let at = records
        .iter()
        .position(|record| record.get("message") == Some("decoded"))
        .expect("the event of the program");
    let probe = &records[at + 1];
    assert_eq!((probe.get("memprobe"), probe.get("label")), (Some("probe"), Some("decoded")));
    assert_eq!(probe.number("allocated"), 3 << 20);
    assert_eq!(probe.metadata.target(), "memprobe::spans_events");
    let warned = records.iter().find(|record| record.get("from") == Some("decoded"));
    assert_eq!(*warned.expect("a probe").metadata.level(), tracing::Level::WARN);
    let entry = records.iter().find(|record| record.get("memprobe") == Some("entry"));
    assert_eq!(probe.number("call_id"), entry.expect("an entry").number("call_id"));
    assert!(records.iter().all(|record| record.get("memprobe") != Some("snapshot")));

    // A message that is all one argument is no name: there would be as many as there are users.
    info_span!("greeter").in_scope(|| {
        for n in 0..100 {
            greet(&format!("user {n}"));
        }
    });
    let greeter = function("spans_events::greeter").expect("it");
    assert!(greeter.segments.len() <= 5, "{:?}", segments(&greeter));
    let at_place = greeter.segments.iter().filter(|segment| place(segment.label));
    assert_eq!(at_place.map(|segment| segment.count).sum::<u64>(), 99);

    // A long literal is cut.
    info_span!("talker").in_scope(|| {
        info!(
            "a message that goes on and on, and says at length what could be said in a few words"
        );
    });
    let talker = function("spans_events::talker").expect("it");
    let label = talker.segments.iter().map(|segment| segment.label).max_by_key(|label| label.len());
    assert_eq!(label, Some("a message that goes on and on, and says at length what could…"));
}
