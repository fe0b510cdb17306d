//! One program, the same with memprobe and without: every public name is used.

#![deny(warnings)]
#![deny(clippy::all, clippy::pedantic)]
#![forbid(unsafe_code)]

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use memprobe::{memprobe, probe};

memprobe::global_allocator!();

struct Shown;

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("shown")
    }
}

#[memprobe(name = "load", level = "debug", rate = 0, target = "app")]
fn load(rows: usize) -> Vec<u64> {
    // Used by a probe alone.
    let (shown, count, page, name) = (Shown, 1, Some("a"), Shown);
    let values: Vec<u64> = (0..rows as u64).collect();
    probe!("loaded", rows = values.len(), first = ?values.first(), shown = %shown, type = 1);
    probe!("shown", count, ?page, %name);
    values
}

#[memprobe(rate = 0.1)]
async fn sum(rows: usize) -> Result<u64, std::num::TryFromIntError> {
    let values = load(rows);
    probe!("values",);
    std::future::ready(()).await;
    let sum: u64 = values.iter().sum();
    u32::try_from(sum).map(u64::from)
}

struct Rows(Vec<u64>);

#[memprobe(level = "debug")]
impl Rows {
    const fn of(rows: Vec<u64>) -> Rows {
        Rows(rows)
    }

    fn sum(&self) -> u64 {
        probe!("summing", rows = self.0.len());
        self.0.iter().sum()
    }

    #[memprobe(skip)]
    fn len(&self) -> usize {
        self.0.len()
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}

fn main() {
    memprobe::reset();
    let _report = memprobe::report_on_exit();
    assert_eq!(block_on(sum(100)), Ok(4950));
    let rows = Rows::of(load(10));
    assert_eq!((rows.sum(), rows.len()), (45, 10));
    assert_eq!(memprobe::scope("scope", || 1), 1);
    assert_eq!(block_on(memprobe::scope_future("future", async { 2 })), 2);
    assert_eq!(memprobe::carry(|| 3)(), 3);
    assert_eq!(block_on(memprobe::carry_future(async { 4 })), 4);
    match memprobe::measure(|| load(10)) {
        Ok((rows, usage)) => println!("{} rows: {usage}", rows.len()),
        Err(why) => println!("{why}"),
    }
    if let Ok((sum, usage)) = block_on(memprobe::measure_future(sum(10))) {
        println!("{sum:?}: {usage}");
    }
    let file = std::env::temp_dir().join(format!("memprobe-off-{}.folded", std::process::id()));
    let every: memprobe::ReportEvery =
        memprobe::report_every(std::time::Duration::from_secs(60), &file);
    drop(every);
    assert_eq!(std::fs::remove_file(file).is_ok(), memprobe::status().enabled);
    println!("{} calls run", memprobe::in_flight().len());
    let process: memprobe::Process = memprobe::process();
    println!("used: {:?}", process.used());
    let report = memprobe::report();
    print!("{report}");
    println!("{:?}", report.verdicts());
    report.write_folded(std::io::stdout()).expect("stdout is open");
    print!("{}", memprobe::status());
    let watch = memprobe::Watch::new()
        .limit(memprobe::Limit::from_bytes(1 << 50))
        .thresholds([0.5, 1.0])
        .sample_every(std::time::Duration::from_secs(60));
    let mode: Result<memprobe::watch::WatchMode, memprobe::watch::WatchError> = watch.install();
    println!("watch: {mode:?}");
    assert!(mode.is_ok());
}
