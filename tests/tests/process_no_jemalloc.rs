//! Another global allocator: one warning that says what to add, held until somebody wants
//! it; heap figures are absent, RSS is there, and the program is unharmed.

use memprobe::status::{Events, GlobalAllocator};
use memprobe::{memprobe, probe};
use memprobe_tests::output::Output;

#[memprobe(rate = 0)]
fn works() -> Vec<u8> {
    let block = vec![1; 1 << 20];
    probe!("allocated", bytes = block.len());
    block
}

#[test]
fn without_jemalloc_it_says_so_once() {
    assert_eq!(works().len(), 1 << 20, "nobody listens yet");
    let status = memprobe::status();
    assert_eq!(status.allocator, GlobalAllocator::Other);
    assert_eq!(status.events, Events::NoSubscriber);
    assert!(status.readings.iter().any(|reading| reading.name == "rss" && reading.available));
    assert!(status.readings.iter().any(|reading| reading.name == "stats" && !reading.available));
    let text = status.to_string();
    assert!(text.contains("add `memprobe::global_allocator!();`"), "{text}");
    assert!(text.contains("tracing_subscriber::fmt::init();"), "{text}");

    let output = Output::default();
    let builder = tracing_subscriber::fmt().with_writer(output.clone()).with_ansi(false);
    let deaf = tracing_subscriber::fmt()
        .with_writer(output.clone())
        .with_max_level(tracing_subscriber::filter::LevelFilter::OFF)
        .finish();
    tracing::subscriber::with_default(deaf, works);
    assert_eq!(output.take(), "");

    builder.init();
    for _ in 0..3 {
        assert_eq!(works().len(), 1 << 20);
    }
    probe!("outside");
    let lines = output.lines();
    let (warnings, events): (Vec<_>, Vec<_>) =
        lines.iter().partition(|line| line.contains(" WARN "));
    let [warning] = &warnings[..] else { panic!("one warning: {lines:#?}") };
    assert!(warning.contains("memprobe: jemalloc is not the global allocator"), "{warning}");
    assert!(warning.contains("`memprobe::global_allocator!();`"), "{warning}");
    assert_eq!(events.len(), 10);
    for event in events {
        assert!(event.contains("rss "), "{event}");
        for name in [" peak=", " net=", " held=", "allocated=", "freed=", " jemalloc_", "peak 0"] {
            assert!(!event.contains(name), "a figure that cannot be had is left out: {event}");
        }
    }

    let process = memprobe::process();
    assert_eq!(process.heap, None);
    assert!(process.rss.is_some_and(|rss| rss > 1 << 20));
    let report = memprobe::report();
    assert_eq!(report.functions.len(), 1);
    assert_eq!(report.functions[0].outcomes.returned, 5);
    let table = report.to_string();
    assert!(table.contains("jemalloc is not the global allocator"), "{table}");
    assert!(!table.contains("0 B"), "{table}");
}
