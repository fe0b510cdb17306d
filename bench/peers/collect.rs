//! What handing the totals over takes: `collect SEGMENTS` prints it for so many segments, first
//! without a recorder and then with that of Prometheus.

use std::hint::black_box;

use memprobe::metrics::{BUCKETS, Collector};
use memprobe::{probe, scope};
use memprobe_bench::harness::{cpu_time, print};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

memprobe::global_allocator!();

/// Calls functions of these names, each of which has five segments.
fn run(names: &[&'static str], calls: usize) {
    for name in names {
        for call in 0..calls {
            scope(name, || {
                for label in 0..4 {
                    drop(black_box(vec![1_u8; 100 << (call % 10)]));
                    match label {
                        0 => probe!("received"),
                        1 => probe!("decoded"),
                        2 => probe!("resized"),
                        _ => probe!("encoded"),
                    }
                }
            });
        }
    }
}

fn main() {
    let segments: usize =
        std::env::args().nth(1).and_then(|n| n.parse().ok()).expect("a number of segments");
    let names: Vec<&'static str> =
        (0..segments / 5).map(|n| &*format!("app::handlers::page_{n:05}").leak()).collect();
    let collector = Collector::new().max_functions(names.len()).max_segments(segments);
    run(&names, 10);
    took("the first, no recorder, ms", || collector.collect());
    took("no recorder, ms", || collector.collect());
    let recorder = PrometheusBuilder::new()
        .with_recommended_naming(true)
        .set_buckets_for_metric(Matcher::Prefix("memprobe_".to_owned()), &BUCKETS)
        .expect("there are buckets")
        .install_recorder()
        .expect("the first");
    collector.describe();
    run(&names, 10);
    took("the first, Prometheus, ms", || collector.collect());
    took("its text, ms", || recorder.render());
    took("no call since, ms", || collector.collect());
    run(&names, 10);
    took("10 calls of each function since, ms", || collector.collect());
    recorder.run_upkeep();
    run(&names, 1000);
    took("1000 calls of each function since, ms", || collector.collect());
    took("their text, ms", || recorder.render());
}

fn took<T>(case: &str, f: impl FnOnce() -> T) -> T {
    let start = cpu_time();
    let result = black_box(f());
    print(case, 0.0, cpu_time().saturating_sub(start).as_secs_f64() * 1e3);
    result
}
