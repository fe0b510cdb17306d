//! A call in `in_flight()` is a line for people, a map for programs, and has the id of its
//! events.

use std::hint::black_box;

use memprobe::{InFlight, memprobe};
use memprobe_tests::record::{self, Recorder};

memprobe::global_allocator!();

const MIB: usize = 1 << 20;

/// A call in a quarter of an hour is written.
#[memprobe(name = "upload", rate = 0.001)]
fn upload() -> InFlight {
    let _held = black_box(vec![1_u8; 2 * MIB]);
    memprobe::probe!("received");
    let calls = memprobe::in_flight();
    assert_eq!(calls.len(), 1, "{calls:?}");
    calls[0]
}

#[test]
fn a_call_has_a_line_a_map_and_the_id_of_its_events() {
    Recorder::install();
    let (written, other) = (upload(), upload());

    let records = record::take();
    let ids: Vec<i64> = records.iter().map(|record| record.number("call_id")).collect();
    let id = written.call_id.expect("it is written");
    assert_eq!(ids, [id as i64; 3], "entry, probe, exit");
    assert_eq!(other.call_id, None, "it is not written");

    let line = written.to_string();
    assert!(line.starts_with("upload: 2.0 MiB, peak 2.0 MiB ("), "{line}");
    assert!(line.ends_with(&format!(", after 'received'), call {id}")), "{line}");
    assert!(other.to_string().ends_with(", after 'received')"), "{other}");

    let map = serde_json::to_value(written).expect("JSON");
    assert_eq!(map["function"], "upload");
    assert_eq!(map["call_id"], id);
    assert_eq!(map["held"], 2 * MIB);
    assert_eq!(map["age_us"], written.age.as_micros() as u64);
    assert_eq!(serde_json::to_value(other).expect("JSON").get("call_id"), None);
}
