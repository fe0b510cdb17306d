//! `status()` says what is there, and for each "no" what to add.

use memprobe::status::{Events, GlobalAllocator};
use memprobe::{Limit, memprobe, probe};
use tracing_subscriber::filter::EnvFilter;

memprobe::global_allocator!();

#[memprobe]
fn works() {
    probe!("middle");
}

#[test]
fn status_says_what_is_there() {
    let status = memprobe::status();
    assert!(status.enabled);
    assert_eq!(status.allocator, GlobalAllocator::Memprobe);
    assert!(status.jemalloc.is_some_and(|version| version.starts_with("5.")));
    assert!(status.readings.iter().all(|reading| reading.available), "{status:?}");
    assert_eq!(status.limit, memprobe::process().limit);
    assert_eq!(status.events, Events::NoSubscriber);
    let text = status.to_string();
    assert!(text.contains("exact"), "{text}");
    assert!(text.contains("tracing_subscriber::fmt::init();"), "{text}");

    assert!(text.contains("watch: none"), "{text}");
    assert!(!text.contains("rate:"), "{text}");

    let filtered = |directives: &str| {
        let filter = EnvFilter::new(directives);
        let writer = std::io::sink;
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).finish()
    };
    tracing::subscriber::with_default(filtered("info"), || {
        let status = memprobe::status();
        assert_eq!(status.events, Events::Wanted { wanted: 0, reached: 0 });
        assert!(status.to_string().contains("no annotated function was called so far"), "{status}");
    });
    tracing::subscriber::with_default(filtered("warn"), || {
        works();
        let status = memprobe::status();
        assert_eq!(status.events, Events::Unwanted);
        let text = status.to_string();
        assert!(text.contains("RUST_LOG=warn,memprobe=info"), "{text}");
    });
    tracing::subscriber::with_default(filtered("warn,memprobe=info"), || {
        works();
        let status = memprobe::status();
        assert_eq!(status.events, Events::Wanted { wanted: 3, reached: 3 });
        assert!(status.to_string().contains("wanted at 3 of the 3 places"), "{status}");
    });

    let mode = memprobe::Watch::new().limit(Limit::from_bytes(1 << 50)).install();
    assert_eq!(memprobe::status().watch, mode.ok());
    assert!(memprobe::status().to_string().contains("watch: looks "), "{}", memprobe::status());
}
