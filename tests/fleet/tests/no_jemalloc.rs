//! Without jemalloc calls are counted, and bytes are not handed over as 0.

use memprobe::memprobe;
use memprobe::metrics::Collector;
use metrics_util::debugging::DebuggingRecorder;

#[memprobe(name = "work")]
fn work() -> Vec<u8> {
    vec![1; 1000]
}

#[test]
fn figures_that_cannot_be_had_are_not_handed_over() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install().expect("the first");
    drop(work());
    Collector::new().collect();
    let names = snapshotter.snapshot().into_vec().into_iter();
    let mut names: Vec<_> = names.map(|(key, ..)| key.key().name().to_owned()).collect();
    names.sort();
    names.dedup();
    let of_calls = ["memprobe.calls", "memprobe.calls.active", "memprobe.values.left_out"];
    for name in of_calls {
        assert!(names.iter().any(|other| other == name), "{name} in {names:?}");
    }
    let bytes = |name: &&String| {
        ["call.", "function.", "segment.", "jemalloc."].iter().any(|part| name.contains(part))
    };
    assert_eq!(names.iter().find(bytes), None);
}
