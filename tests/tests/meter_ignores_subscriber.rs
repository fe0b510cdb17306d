//! What the subscriber allocates while it handles an event is in no figure, whether it
//! frees it within the event or keeps it.

use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use memprobe::{memprobe, probe};
use memprobe_tests::listener::Listener;
use memprobe_tests::record;
use tracing::Event;

memprobe::global_allocator!();

const MIB: usize = 1 << 20;

static KEEPS: AtomicBool = AtomicBool::new(false);
static KEPT: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Allocates a megabyte at every event.
fn hungry(event: &Event<'_>) {
    let megabyte = black_box(vec![1_u8; MIB]);
    record::keep(event);
    // Looks at the calls, which must not take that megabyte for theirs.
    drop(memprobe::in_flight());
    if KEEPS.load(Relaxed) {
        KEPT.lock().expect("no panic").push(megabyte);
    }
}

#[memprobe(rate = 0)]
fn nested() -> Vec<u8> {
    let block = vec![1; 64 << 10];
    probe!("nested");
    block
}

#[memprobe(rate = 0)]
fn works() {
    for _ in 0..20 {
        let block = black_box(vec![1_u8; 128 << 10]);
        probe!("step", bytes = block.len());
        drop(nested());
    }
}

#[test]
fn what_the_subscriber_takes_is_in_no_figure() {
    Listener(hungry).install();
    for keeps in [false, true] {
        KEEPS.store(keeps, Relaxed);
        memprobe::reset();
        works();
        let records = record::take();
        assert_eq!(records.len(), 2 + 20 * 4);
        for record in records {
            let of = |name| record.number(name);
            match (record.get("memprobe"), record.get("function"), record.get("from")) {
                (Some("probe"), Some("meter_ignores_subscriber::nested"), _) => {
                    assert_eq!((of("allocated"), of("freed"), of("peak")), (65536, 0, 65536));
                }
                (Some("probe"), _, Some("entry")) => {
                    assert_eq!((of("allocated"), of("freed"), of("peak")), (131_072, 0, 131_072));
                }
                (Some("probe"), ..) => {
                    // With the nested call of the round before.
                    assert_eq!(
                        (of("allocated"), of("freed"), of("peak"), of("held")),
                        (196_608, 196_608, 65536, 131_072),
                        "{record:#?}"
                    );
                }
                (Some("exit"), Some("meter_ignores_subscriber::works"), _) => {
                    assert_eq!((of("call_allocated"), of("call_net")), (20 * 196_608, 0));
                    assert_eq!(of("call_peak"), 196_608);
                }
                _ => {}
            }
        }
        let report = memprobe::report();
        assert_eq!(report.functions[0].figures.as_ref().expect("jemalloc").allocated, 20 * 196_608);
        assert_eq!(
            report.functions[0].figures.as_ref().expect("jemalloc").self_allocated,
            20 * 131_072
        );
    }
    assert_eq!(KEPT.lock().expect("no panic").len(), 2 + 20 * 4);
}
