//! Functions that are called often, without a limit of their own: what is written of them, and
//! what is counted.

use memprobe::{memprobe, probe};
use memprobe_tests::record::{self, Recorder};

memprobe::global_allocator!();

#[memprobe(rate = 0)]
fn one() {}

#[memprobe(rate = 0)]
fn other() {}

#[memprobe(rate = 0)]
fn loops() {
    for _ in 0..100 {
        probe!("round");
    }
}

fn main() {
    Recorder::install();
    // First, so that it is written where anything is.
    loops();
    for _ in 0..100 {
        one();
        other();
    }
    for _ in 0..100 {
        // Outside any call.
        probe!("outside");
    }
    let records = record::take();
    let count =
        |kind: &str| records.iter().filter(|record| record.get("memprobe") == Some(kind)).count();
    let calls: u64 =
        memprobe::report().functions.iter().map(|function| function.outcomes.returned).sum();
    println!(
        "{} entries, {} exits, {} probes, {} snapshots, {calls} calls",
        count("entry"),
        count("exit"),
        count("probe"),
        count("snapshot"),
    );
    print!("{}", memprobe::status());
}
