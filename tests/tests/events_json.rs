//! What a log store gets: flat JSON with numbers in bytes, under a Lambda's limit.

use memprobe::{memprobe, probe};
use memprobe_tests::output::{JEMALLOC, Output};
use serde_json::{Map, Value};

memprobe::global_allocator!();

#[memprobe(level = "debug", target = "billing", name = "invoice")]
fn handler() -> Vec<u8> {
    let page = vec![1; 1 << 20];
    probe!("page", page = 3, ready = true, ratio = 0.5, title = "A4");
    page
}

/// Names in order, with what stands there: a value if it is the same on every run.
fn keys(object: &Map<String, Value>) -> Vec<String> {
    const VARY: [&str; 5] = ["uptime_us", "rss", "peak_rss", "duration_us", "message"];
    let mut keys: Vec<String> = object
        .iter()
        .map(|(name, value)| {
            assert!(!name.contains('.'), "{name}");
            if !VARY.contains(&name.as_str()) && !JEMALLOC.contains(&name.as_str()) {
                return format!("{name}={value}");
            }
            assert_eq!(value.is_u64(), name != "message", "{name}={value}");
            name.clone()
        })
        .collect();
    // Left out where a refresh that the system interrupted has used up the budget.
    if !object.contains_key(JEMALLOC[0]) {
        let limit = keys.iter().position(|key| key.starts_with("limit=")).expect("a limit");
        let behind = keys.split_off(limit + 1);
        keys.extend(JEMALLOC.map(str::to_owned).into_iter().chain(behind));
    }
    keys
}

#[test]
fn events_are_flat_json() {
    // Before any other thread, and before the first look at the limit.
    // SAFETY: the only test of this process; nothing else reads the environment yet.
    unsafe { std::env::set_var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512") };
    let output = Output::default();
    tracing_subscriber::fmt()
        .with_writer(output.clone())
        .with_max_level(tracing::Level::DEBUG)
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .without_time()
        .init();
    drop(handler());

    let lines = output.lines();
    let events: Vec<Map<String, Value>> =
        lines.iter().map(|line| serde_json::from_str(line).expect(line)).collect();
    let [entry, page, exit] = &events[..] else { panic!("{lines:#?}") };
    let limit = format!("limit={}", 512 << 20);

    let head = |level: &str| vec![format!("level=\"{level}\""), "message".to_owned()];
    let all = |parts: &[&[&str]]| -> Vec<String> {
        parts.iter().copied().flatten().map(|part| (*part).to_owned()).collect()
    };
    assert_eq!(
        keys(entry),
        [
            head("DEBUG"),
            all(&[
                &["memprobe=\"entry\"", "function=\"invoice\"", "call_id=1", "uptime_us", "rss"],
                &[limit.as_str()],
                &JEMALLOC,
                &["target=\"billing\""],
            ])
        ]
        .concat()
    );
    assert_eq!(
        keys(page),
        [
            head("INFO"),
            all(&[
                &["memprobe=\"probe\"", "function=\"invoice\"", "from=\"entry\""],
                &["label=\"page\"", "page=3", "ready=true", "ratio=0.5", "title=\"A4\""],
                &["call_id=1", "uptime_us", "peak=1048576", "net=1048576", "held=1048576"],
                &["allocated=1048576", "freed=0", "rss", limit.as_str()],
                &JEMALLOC,
                &["target=\"memprobe::events_json\""],
            ])
        ]
        .concat()
    );
    assert_eq!(
        keys(exit),
        [
            head("DEBUG"),
            all(&[
                &["memprobe=\"exit\"", "function=\"invoice\"", "from=\"page\""],
                &["label=\"return\"", "call_id=1", "uptime_us", "peak=0", "net=0"],
                &["held=1048576", "allocated=0", "freed=0", "rss", limit.as_str()],
                &JEMALLOC,
                &["outcome=\"returned\"", "duration_us", "call_peak=1048576"],
                &["call_peak_from=\"entry\"", "call_peak_label=\"page\"", "call_net=1048576"],
                &["call_allocated=1048576", "call_freed=0", "peak_rss", "cold=true"],
                &["target=\"billing\""],
            ])
        ]
        .concat()
    );
    let message = page["message"].as_str().expect("text");
    assert!(message.contains(" of 512.0 MiB ("), "{message}");
    assert!(message.ends_with("%)"), "{message}");
}
