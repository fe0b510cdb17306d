//! The call that matters is never skipped: a call that stands out by its peak has its exit written
//! whatever the rate of its function.

use std::hint::black_box;
use std::thread::sleep;
use std::time::Duration;

use memprobe::{memprobe, probe};
use memprobe_tests::record::{self, Record, Recorder};
use tracing::Level;

memprobe::global_allocator!();

fn allocate(kib: usize) {
    drop(black_box(Vec::<u8>::with_capacity(kib << 10)));
}

#[memprobe]
fn steady(kib: usize) {
    allocate(kib);
}

#[memprobe]
fn phases(kib: usize) {
    allocate(64);
    probe!("read");
    allocate(kib);
    probe!("decoded");
    allocate(64);
}

#[memprobe(above = "8 MiB")]
fn bounded(kib: usize) {
    allocate(kib);
}

#[memprobe]
fn climbs(kib: usize) {
    allocate(kib);
}

#[memprobe(rate = 0)]
fn all(kib: usize) {
    allocate(kib);
}

struct Block;

#[memprobe(above = "2 MiB")]
impl Block {
    fn inherits() {
        allocate(4 << 10);
    }

    #[memprobe(above = "8 MiB")]
    fn has_its_own() {
        allocate(4 << 10);
    }
}

fn exits(records: &[Record]) -> Vec<&Record> {
    records.iter().filter(|record| record.get("memprobe") == Some("exit")).collect()
}

fn outliers(records: &[Record]) -> Vec<&Record> {
    exits(records).into_iter().filter(|record| record.get("why").is_some()).collect()
}

#[test]
fn calls_that_stand_out_are_written() {
    Recorder::install();

    for _ in 0..1000 {
        steady(1792);
    }
    let records = record::take();
    let entries = records.iter().filter(|record| record.get("memprobe") == Some("entry")).count();
    assert_eq!(exits(&records).len(), entries, "calls that are much the same have no more lines");
    steady(2048);
    assert!(record::take().is_empty(), "less than a quarter higher");
    steady(4096);
    let records = record::take();
    let [exit] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((exit.get("memprobe"), exit.get("why")), (Some("exit"), Some("highest")));
    assert_eq!(exit.number("call_peak"), 4 << 20);
    let skipped = exit.number("skipped");
    assert!((900..=1000 - entries as i64 + 1).contains(&skipped), "{skipped}");
    assert_eq!(exit.get("duration_us"), None, "the coarse clock tells it too badly");
    assert_eq!(*exit.metadata.level(), Level::INFO);
    let message = exit.get("message").expect("a line");
    assert!(message.contains("steady: returned: peak 4.0 MiB (highest) in entry"), "{message}");
    steady(4096);
    assert!(record::take().is_empty(), "not higher than what was written");

    for _ in 0..100 {
        phases(100);
    }
    record::take();
    phases(4096);
    let records = record::take();
    let [exit] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(
        (exit.get("call_peak_from"), exit.get("call_peak_label")),
        (Some("read"), Some("decoded")),
        "the segment that reached it, although the call has no other line"
    );
    assert_eq!((exit.get("from"), exit.get("label")), (Some("decoded"), Some("return")));

    // Above the bound, at WARN, as long as there is one a second; also the calls that are admitted.
    bounded(9 << 10);
    let records = record::take();
    let exit = exits(&records)[0];
    assert_eq!((exit.get("why"), *exit.metadata.level()), (Some("above"), Level::WARN));
    for _ in 0..100 {
        bounded(1);
    }
    record::take();
    bounded(9 << 10);
    bounded(9 << 10);
    let records = record::take();
    let [exit] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((exit.get("why"), *exit.metadata.level()), (Some("above"), Level::WARN));
    bounded(8 << 10);
    assert!(record::take().is_empty(), "8 MiB are not above 8 MiB");

    Block::inherits();
    Block::has_its_own();
    let records = record::take();
    let why: Vec<_> = exits(&records).iter().map(|exit| exit.get("why")).collect();
    assert_eq!(why, [Some("above"), None]);

    // The bound is one line a second. The highest of the others waits, and none is lost.
    for _ in 0..100 {
        climbs(1);
    }
    record::take();
    for step in 1..=20 {
        climbs(step * 1024);
    }
    let records = record::take();
    assert_eq!(outliers(&records).len(), 1, "{records:?}");
    sleep(Duration::from_millis(1100));
    climbs(1);
    let records = record::take();
    let peaks: Vec<_> = outliers(&records).iter().map(|exit| exit.number("call_peak")).collect();
    assert_eq!(peaks, [20 << 20], "the highest of those that had to wait");
    let ids = |record: &&Record| record.number("call_id");
    assert!(outliers(&records).iter().map(ids).all(|id| id > 0));

    // Where every call is written, each has one exit, and needs no reason.
    for step in 1..=10 {
        all(step * 1024);
    }
    let records = record::take();
    assert_eq!((records.len(), exits(&records).len()), (20, 10));
    assert!(outliers(&records).is_empty(), "{records:?}");
}
