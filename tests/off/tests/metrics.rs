//! Compiled out, the collector is there and hands nothing over.

use memprobe::memprobe;
use memprobe::metrics::{BUCKETS, Collector};
use metrics_util::debugging::DebuggingRecorder;

#[memprobe]
fn works() {}

#[test]
fn nothing_is_handed_over() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    metrics::set_global_recorder(recorder).map_err(|_| "one is installed").expect("the first");
    let collector = Collector::new().max_functions(1).max_segments(2).max_values(3);
    collector.describe();
    works();
    collector.collect();
    assert!(snapshotter.snapshot().into_vec().is_empty());
    assert_eq!(BUCKETS.len(), 45);
}
