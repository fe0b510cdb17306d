//! The samples of the process over time name what raised its memory, and not who came next.

use std::hint::black_box;
use std::thread::sleep;
use std::time::Duration;

use memprobe::report::{Pass, Sample};
use memprobe::{memprobe, probe};

memprobe::global_allocator!();

const SIZE: usize = 32 << 20;

#[memprobe(name = "handler")]
fn handler() -> Vec<u8> {
    let page = black_box(vec![1; 100]);
    probe!("received");
    let picture = load();
    probe!("loaded", bytes = page.len());
    picture
}

#[memprobe(name = "load")]
fn load() -> Vec<u8> {
    let picture = black_box(vec![1_u8; SIZE]);
    probe!("filled");
    drop(black_box(vec![1_u8; 1000]));
    picture
}

#[memprobe(name = "bystander")]
fn bystander() {}

/// Until a sample is due again.
fn wait() {
    sleep(Duration::from_millis(50));
}

#[test]
fn a_sample_names_the_segment_that_raised_the_memory() {
    bystander();
    wait();
    let picture = handler();
    wait();
    bystander();
    wait();
    drop(picture);
    bystander();

    let timeline = memprobe::report().timeline;
    let raised: Vec<&Sample> = timeline.iter().filter(|one| one.largest.is_some()).collect();
    let of = |sample: &Sample| {
        sample.largest.map(|Pass { function, from, label, .. }| (function, from, label))
    };
    assert!(raised.iter().all(|one| of(one) == Some(("load", "entry", "filled"))), "{raised:#?}");
    // Where it was, and not at the next call. What ended around it is not told a second time.
    assert_eq!((raised[0].function, raised[0].label), ("load", "filled"));
    let Some(Pass { net, peak, .. }) = raised[0].largest else { unreachable!() };
    assert_eq!((net, peak), (SIZE as i64, SIZE as u64));
    let before = timeline.iter().take_while(|one| one.largest.is_none()).last();
    let rss = before.and_then(|before| Some(raised[0].rss? - before.rss?));
    assert!(rss.is_some_and(|rss| rss > SIZE as u64 / 2), "{timeline:#?}");
    assert_eq!(
        timeline.last().map(|last| (last.function, last.largest)),
        Some(("bystander", None))
    );

    let mut written = Vec::new();
    memprobe::report().write_json(&mut written).expect("memory");
    let value: serde_json::Value = serde_json::from_slice(&written).expect("JSON");
    let samples = value["timeline"].as_array().expect("samples");
    let largest = samples.iter().find_map(|sample| sample.get("largest")).expect("one");
    assert_eq!(largest["label"], "filled");
    assert_eq!(largest["net"], SIZE);
}
