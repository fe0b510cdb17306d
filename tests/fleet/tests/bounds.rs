//! The number of series and of values is bounded, and what is above it is added up.

use std::hint::black_box;

use memprobe::metrics::Collector;
use memprobe::{memprobe, probe};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

memprobe::global_allocator!();

macro_rules! functions {
    ($($name:ident, $text:literal: $kib:literal;)*) => {
        $(
            #[memprobe(name = $text)]
            fn $name() {
                let block = black_box(vec![1_u8; $kib << 10]);
                probe!("made");
                drop(block);
            }
        )*
    };
}

functions! { small, "small": 1; large, "large": 900; middle, "middle": 90; late, "late": 9000; }

#[test]
fn what_is_above_the_bounds_is_added_up() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install().expect("the first");
    let collector = Collector::new().max_functions(2).max_segments(3).max_values(10);
    for _ in 0..100 {
        small();
        middle();
    }
    large();
    collector.collect();
    for _ in 0..5 {
        late();
        large();
    }
    collector.collect();

    let mut series = Vec::new();
    let (mut left_out, mut peaks) = (0, Vec::new());
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let (name, labels) = key.key().clone().into_parts();
        let labels: Vec<_> = labels.iter().map(|label| label.value().to_owned()).collect();
        let labels = labels.join(", ");
        match (name.as_str(), value) {
            ("memprobe.calls", DebugValue::Counter(calls)) if calls > 0 => {
                series.push(format!("{labels}: {calls}"));
            }
            ("memprobe.values.left_out", DebugValue::Counter(values)) => left_out = values,
            ("memprobe.segment.net", _) => series.push(labels),
            ("memprobe.call.peak", DebugValue::Histogram(values)) if labels == "(other)" => {
                peaks = values.into_iter().map(f64::from).collect();
            }
            _ => {}
        }
    }
    series.sort();
    assert_eq!(
        series,
        [
            "(other), (other)",
            "(other), returned: 105",
            "large, entry -> made",
            "large, made -> return",
            "large, returned: 6",
            "middle, (other)",
            "middle, entry -> made",
            "middle, returned: 100",
        ],
        "the largest of those that came first; what comes late is `(other)` for good"
    );
    assert_eq!(peaks.len(), 15, "at most ten, and then the five of `late`: {peaks:?}");
    assert!(peaks.iter().filter(|&&peak| peak > 8e6).count() == 5, "{peaks:?}");
    // 90 of each: the calls of `middle` and `small`, the passes of their segments, in two histograms.
    assert!(left_out >= 4 * 90, "{left_out}");
}
