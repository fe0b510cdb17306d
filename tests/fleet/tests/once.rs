//! Each call is handed over once, and what is handed over is what the report has.

use std::collections::HashMap;
use std::hint::black_box;
use std::thread;

use memprobe::metrics::Collector;
use memprobe::{memprobe, probe};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

memprobe::global_allocator!();

#[memprobe(name = "render")]
fn render(kib: usize) {
    let page = black_box(vec![1_u8; kib << 10]);
    probe!("laid_out");
    drop(page);
}

#[memprobe(name = "idle")]
fn idle() {}

#[memprobe(name = "fails")]
fn fails() {
    panic!("as it should")
}

/// What a recorder was given: counters as sums, the last value of gauges, all values of histograms.
#[derive(Debug, Default)]
struct Given {
    counters: HashMap<String, u64>,
    gauges: HashMap<String, f64>,
    histograms: HashMap<String, Vec<f64>>,
}

impl Given {
    /// Adds what came since the last snapshot.
    fn take(&mut self, snapshotter: &Snapshotter) {
        for (key, _, _, value) in snapshotter.snapshot().into_vec() {
            let (name, labels) = key.key().clone().into_parts();
            let labels: Vec<_> = labels.iter().map(|label| label.value().to_owned()).collect();
            let name = format!("{} {}", name.as_str(), labels.join(", ")).trim().to_owned();
            match value {
                // A snapshot takes what there is.
                DebugValue::Counter(value) => *self.counters.entry(name).or_default() += value,
                DebugValue::Gauge(value) => drop(self.gauges.insert(name, value.into_inner())),
                DebugValue::Histogram(values) => {
                    let values = values.into_iter().map(f64::from);
                    self.histograms.entry(name).or_default().extend(values);
                }
            }
        }
    }
}

#[test]
fn each_call_is_handed_over_once() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install().expect("the first");
    let (one, other) = (Collector::new(), Collector::default());
    one.describe();
    let mut given = Given::default();

    // Collected by two while calls run on two threads, and over resets.
    let calls = |times: usize| {
        for at in 0..times {
            render(1 + at % 100);
            idle();
        }
    };
    thread::scope(|scope| {
        let threads = [(); 2].map(|()| scope.spawn(|| calls(3000)));
        while !threads.iter().all(thread::ScopedJoinHandle::is_finished) {
            one.collect();
            other.collect();
            given.take(&snapshotter);
            thread::sleep(std::time::Duration::from_millis(5));
        }
    });
    let _ = std::panic::catch_unwind(fails);
    // Calls that run during a reset may be lost, so none does.
    memprobe::reset();
    one.collect();
    calls(500);
    let report = memprobe::report();
    memprobe::reset();
    memprobe::reset();
    for _ in 0..3 {
        one.collect();
        other.collect();
        given.take(&snapshotter);
    }

    let counter = |name: &str| given.counters[name];
    assert_eq!(counter("memprobe.calls render, returned"), 6500);
    assert_eq!(counter("memprobe.calls render, panicked"), 0, "there, so that it can rise");
    assert_eq!(counter("memprobe.calls idle, returned"), 6500);
    assert_eq!(counter("memprobe.calls fails, panicked"), 1);
    assert_eq!(counter("memprobe.values.left_out"), 0);
    assert_eq!(
        counter("memprobe.function.allocated render"),
        counter("memprobe.function.freed render")
    );
    assert!(given.gauges["memprobe.function.net render"].abs() < 0.5);
    let render = report.functions.iter().find(|function| function.name == "render");
    let in_500 = render.and_then(|function| function.figures).expect("figures").allocated;
    assert_eq!(
        counter("memprobe.function.allocated render"),
        13 * in_500,
        "5 rounds of 100 in each"
    );

    for name in
        ["call.peak render", "call.allocated idle", "segment.peak render, entry -> laid_out"]
    {
        let values = &given.histograms[&format!("memprobe.{name}")];
        assert_eq!(values.len(), 6500, "{name}");
    }
    // Each size as often as it was asked for, at most an eighth off. A call that ends while it is
    // collected may have 0 in its place.
    let mut peaks = given.histograms["memprobe.call.peak render"].clone();
    peaks.sort_by(f64::total_cmp);
    let zeros = peaks.iter().take_while(|&&peak| peak == 0.0).count();
    assert!(zeros < 10, "{zeros}");
    for kib in (2..100).step_by(7) {
        let (asked, peak) = (f64::from(kib << 10), peaks[kib as usize * 65 - 32]);
        // jemalloc rounds up by at most a quarter.
        assert!(peak >= 0.875 * asked && peak <= 1.125 * 1.25 * asked, "{peak} for {asked}");
    }
    assert!(given.histograms["memprobe.call.peak idle"].iter().all(|&peak| peak == 0.0));
    assert!(given.gauges["memprobe.call.peak.max render"] >= 102_400.0);
    assert!(!given.histograms.contains_key("memprobe.segment.peak idle, entry -> return"));
    assert!(given.gauges["process.memory.usage"] > 1e6);
    assert!(given.gauges["memprobe.jemalloc.allocated"] > 1e5);
    assert!(!given.counters.keys().any(|name| name.contains("watch")), "none is installed");
}
