//! Calls are admitted whole; a probe in a loop cannot flood, and tells what it passed over;
//! jemalloc's epoch keeps to its budget. The totals count everything.

use std::collections::HashSet;

use memprobe::{memprobe, probe};
use memprobe_tests::function;
use memprobe_tests::record::{self, Record, Recorder};

memprobe::global_allocator!();

#[memprobe]
fn often() {
    probe!("middle");
}

#[memprobe(rate = 0)]
fn always() {
    probe!("middle");
}

#[memprobe(rate = 1)]
fn loops(rounds: usize) {
    for round in 0..rounds {
        probe!("round", round = round);
    }
}

/// A call in a quarter of an hour.
#[memprobe(rate = 0.001)]
fn seldom(rounds: usize) {
    for _ in 0..rounds {
        probe!("round");
    }
}

fn kind<'a>(records: &'a [Record], kind: &str) -> Vec<&'a Record> {
    records.iter().filter(|record| record.get("memprobe") == Some(kind)).collect()
}

#[test]
fn events_keep_to_their_rates() {
    Recorder::install();

    for _ in 0..1000 {
        often();
    }
    let records = record::take();
    let ids = |of| -> HashSet<i64> {
        kind(&records, of).iter().map(|record| record.number("call_id")).collect()
    };
    let entries = ids("entry");
    assert!((20..900).contains(&entries.len()), "the first 20, then one a second");
    assert_eq!(entries, ids("exit"), "an admitted call always has its exit");
    assert_eq!(entries, ids("probe"));
    assert_eq!(entries.len() * 3, records.len());
    let skipped: i64 = kind(&records, "entry")
        .iter()
        .filter_map(|record| record.get("skipped").map(|n| n.parse::<i64>().expect("a number")))
        .sum();
    assert!(entries.len() as i64 + skipped <= 1000, "skipped counts each call once");

    for _ in 0..1000 {
        always();
    }
    let records = record::take();
    assert_eq!(records.len(), 3000, "0 is no limit");
    assert!(records.iter().all(|record| record.get("skipped").is_none()));
    assert!(records.iter().all(|record| record.get("rss").is_some()), "RSS has no budget");

    // The budget of the epoch may be spent, and comes back.
    let has_heap = |record: &Record| record.get("jemalloc_allocated").is_some();
    let comes_back = (0..500).any(|_| {
        always();
        std::thread::sleep(std::time::Duration::from_millis(10));
        record::take().iter().any(has_heap)
    });
    assert!(comes_back);

    loops(100_000);
    let records = record::take();
    let rounds = kind(&records, "probe");
    assert!((2..1000).contains(&rounds.len()), "{} rounds", rounds.len());
    assert_eq!(kind(&records, "exit").len(), 1);
    // Two at once, then one a second, each of which tells how many it comes after.
    let mut next = 0;
    for record in &rounds {
        let skipped = record.get("skipped").map_or(0, |n| n.parse().expect("a number"));
        assert_eq!(record.number("round"), next + skipped);
        next = record.number("round") + 1;
    }

    for _ in 0..100 {
        seldom(100);
    }
    let records = record::take();
    let count = |of| kind(&records, of).len();
    assert_eq!((count("entry"), count("probe"), count("exit")), (1, 1, 1), "one at once");

    let calls = |name: &str| function(name).expect(name).outcomes.returned;
    assert_eq!((calls("events_rates::often"), calls("events_rates::always") >= 1001), (1000, true));
    let rounds = function("events_rates::loops").expect("loops").segments;
    assert_eq!(rounds.iter().map(|segment| segment.count).sum::<u64>(), 100_001);
}
