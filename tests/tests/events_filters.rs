//! One directive rules all points of a part of the program, and per-layer filters lose none
//! of the application's own events.

use memprobe::{memprobe, probe};
use memprobe_tests::output::Output;
use tracing_subscriber::filter::{EnvFilter, LevelFilter, Targets};
use tracing_subscriber::fmt::layer;
use tracing_subscriber::prelude::*;

memprobe::global_allocator!();

mod handlers {
    use super::{memprobe, probe};

    #[memprobe(rate = 0)]
    pub fn handler() {
        tracing::info!("in the handler");
        probe!("decoded");
    }

    #[memprobe(rate = 0, level = "debug")]
    pub fn detail() {}

    #[memprobe(rate = 0, target = "billing")]
    pub fn elsewhere() {}
}

fn work() {
    tracing::info!("application starts");
    call_handlers();
    memprobe::scope("scoped", || tracing::warn!("in the scope"));
    tracing::info!("application ends");
}

fn call_handlers() {
    handlers::handler();
    handlers::detail();
    handlers::elsewhere();
}

/// How many of memprobe's and of the application's own events a filter lets through.
fn seen(directives: &str) -> (usize, usize) {
    let output = Output::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(output.clone())
        .with_env_filter(EnvFilter::new(directives))
        .finish();
    tracing::subscriber::with_default(subscriber, work);
    count(&output)
}

fn count(output: &Output) -> (usize, usize) {
    let lines = output.lines();
    // The mark, because not every line shows its target.
    let ours = lines.iter().filter(|line| line.contains("memprobe\u{1b}[0m\u{1b}[2m=")).count();
    (ours, lines.len() - ours)
}

#[test]
fn directives_rule_by_prefix() {
    // handler 3, elsewhere 2, scope 2; detail 2 at DEBUG.
    assert_eq!(seen("info"), (7, 4));
    assert_eq!(seen("debug"), (9, 4));
    assert_eq!(seen("info,memprobe=off"), (2, 4), "but for the target that was chosen");
    assert_eq!(seen("info,memprobe=off,billing=off"), (0, 4));
    assert_eq!(seen("off,memprobe=info"), (5, 0));
    assert_eq!(seen("off,memprobe::events_filters::handlers=info"), (3, 0));
    assert_eq!(seen("off,memprobe::events_filters::handlers=debug"), (5, 0));
    assert_eq!(seen("off,memprobe::events_filters::work=info"), (2, 0), "the scope's function");
    assert_eq!(seen("off,billing=info"), (2, 0));
    assert_eq!(seen("warn"), (0, 1));

    per_layer_filters_lose_nothing();
}

/// tokio-rs/tracing#2519: to ask `enabled` and not dispatch, or to call `tracing` between
/// the two, loses the application's next event.
fn per_layer_filters_lose_nothing() {
    for (first, second) in [("memprobe", "events_filters"), ("events_filters", "memprobe")] {
        let (one, other) = (Output::default(), Output::default());
        let level = LevelFilter::INFO;
        let subscriber = tracing_subscriber::registry()
            .with(
                layer()
                    .with_writer(one.clone())
                    .with_filter(Targets::new().with_target(first, level)),
            )
            .with(
                layer()
                    .with_writer(other.clone())
                    .with_filter(EnvFilter::new(format!("{second}=info"))),
            );
        tracing::subscriber::with_default(subscriber, || {
            for _ in 0..10 {
                tracing::info!("before");
                call_handlers();
                tracing::info!("after");
            }
        });
        let (ours, theirs) = if first == "memprobe" { (one, other) } else { (other, one) };
        assert_eq!(count(&ours), (30, 0));
        assert_eq!(count(&theirs), (0, 30));
    }
}
