//! A child that was forked while another thread collects: `reset` and `collect` end in it.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use memprobe::metrics::Collector;
use memprobe_soak::in_child;

memprobe::global_allocator!();

#[test]
fn what_is_forked_in_a_collection_ends() {
    // Nearly all of a collection is in the gathering.
    for at in 0..500 {
        let name = Box::leak(format!("scope {at}").into_boxed_str());
        memprobe::scope(name, || drop(std::hint::black_box(vec![1_u8; 1000])));
    }
    let stop = AtomicBool::new(false);
    let failed: Vec<_> = thread::scope(|scope| {
        scope.spawn(|| {
            let collector = Collector::new();
            while !stop.load(Relaxed) {
                collector.collect();
            }
        });
        let children = (0..10).map(|_| {
            in_child(Duration::from_secs(30), || {
                memprobe::reset();
                Collector::new().collect();
                memprobe::scope("in the child", || ());
                assert!(memprobe::report().to_string().contains("in the child"));
            })
        });
        let failed = children.filter_map(Result::err).collect();
        stop.store(true, Relaxed);
        failed
    });
    assert!(failed.is_empty(), "{failed:?}");
}
