//! Without jemalloc nobody calls back: the watch looks at points, by RSS, and says no figure
//! that it does not have.

use std::time::Duration;

use memprobe::watch::{WatchError, WatchMode};
use memprobe::{Limit, Watch, memprobe, probe};
use memprobe_tests::record::{self, Recorder};

const MIB: u64 = 1 << 20;

#[memprobe]
fn grows() {
    let held = vec![1_u8; 64 << 20];
    // Points that follow each other at once share a look.
    std::thread::sleep(Duration::from_millis(30));
    probe!("grown", bytes = held.len());
}

#[test]
fn it_looks_at_points() {
    for thresholds in [vec![], vec![0.0], vec![1.5], vec![0.5, f64::NAN]] {
        let refused =
            Watch::new().limit(Limit::from_bytes(MIB)).thresholds(thresholds.clone()).install();
        assert_eq!(refused, Err(WatchError::InvalidThresholds), "{thresholds:?}");
    }
    let rss = memprobe::process().rss.expect("/proc");
    let watch = Watch::new().limit(Limit::from_bytes(rss + 60 * MIB)).thresholds([0.999, 0.001]);
    assert_eq!(watch.install(), Ok(WatchMode::Points), "wrong thresholds were no install");
    let again = Watch::new().install();
    assert_eq!(again, Err(WatchError::AlreadyInstalled));
    assert!(again.is_err_and(|why| why.to_string().contains("as long as the process")));

    Recorder::install();
    grows();
    let warnings: Vec<_> = record::take()
        .into_iter()
        .filter(|event| event.metadata.target() == "memprobe::watch")
        .collect();
    let [first, second] = &warnings[..] else { panic!("{warnings:#?}") };
    assert_eq!(first.get("threshold"), Some("0.1"), "crossed from the start: {first:?}");
    assert_eq!(first.get("function"), None, "by nobody that is known");
    assert_eq!(second.get("threshold"), Some("99.9"));
    assert_eq!(
        (second.get("function"), second.get("label")),
        (Some("watch_points::grows"), Some("grown"))
    );
    let message = second.get("message").expect("a message");
    for absent in ["active=", "asked=", "not_in_annotated_code=", "kept_by", "outside_jemalloc="] {
        assert!(!message.contains(absent), "{message}");
    }
    assert!(message.contains("running=\"watch_points::grows ("), "no bytes: {message}");
}
