//! Calls that run, reports of the watch, and what a collection inside a call counts for.

use std::hint::black_box;
use std::sync::mpsc;
use std::thread;

use memprobe::metrics::Collector;
use memprobe::{Limit, Watch, memprobe};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

memprobe::global_allocator!();

#[memprobe(name = "waits")]
fn waits(begun: &mpsc::Sender<()>, go_on: &mpsc::Receiver<()>) {
    begun.send(()).expect("somebody listens");
    let _ = go_on.recv();
}

#[memprobe(name = "scrape")]
fn scrape() {
    Collector::new().collect();
}

fn value(snapshotter: &Snapshotter, name: &str, label: &str) -> Option<f64> {
    let of = |key: &metrics_util::CompositeKey| {
        let mut labels = key.key().labels();
        key.key().name() == name && labels.any(|other| other.value() == label)
    };
    let all = snapshotter.snapshot().into_vec();
    all.into_iter().find(|(key, ..)| of(key)).map(|(.., value)| match value {
        DebugValue::Counter(value) => value as f64,
        DebugValue::Gauge(value) => value.into_inner(),
        DebugValue::Histogram(values) => values.into_iter().map(f64::from).sum(),
    })
}

#[test]
fn calls_that_run_are_counted_until_they_end() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install().expect("the first");
    let limit = Limit::from_bytes(256 << 20);
    Watch::new().limit(limit).thresholds([0.5, 0.75]).install().expect("a watch");
    let collector = Collector::new();
    let active = |collector: &Collector| {
        collector.collect();
        value(&snapshotter, "memprobe.calls.active", "waits")
    };
    assert_eq!(active(&collector), None, "no call yet");
    thread::scope(|scope| {
        let (begun, has_begun) = mpsc::channel();
        let channels: Vec<_> = (0..3).map(|_| mpsc::channel::<()>()).collect();
        let (ends, waits_for): (Vec<_>, Vec<_>) = channels.into_iter().unzip();
        for go_on in waits_for {
            let begun = begun.clone();
            scope.spawn(move || waits(&begun, &go_on));
        }
        for _ in 0..3 {
            has_begun.recv().expect("a call");
        }
        assert_eq!(active(&collector), Some(3.0), "of which none has ended");
        drop(ends);
    });
    assert_eq!(active(&collector), Some(0.0));

    // A snapshot takes what has been counted.
    let reports = |threshold: &str| {
        collector.collect();
        value(&snapshotter, "memprobe.watch.reports", threshold)
    };
    assert_eq!((reports("50"), reports("75")), (Some(0.0), Some(0.0)), "there before they rise");
    drop(black_box(vec![1_u8; 150 << 20]));
    assert_eq!(reports("50"), Some(1.0));
    assert_eq!((reports("50"), reports("75")), (Some(0.0), Some(0.0)), "counted once");

    scrape();
    collector.collect();
    let allocated = value(&snapshotter, "memprobe.function.allocated", "scrape");
    assert_eq!(allocated, Some(0.0), "what memprobe and the recorder allocate is in no figure");
}
