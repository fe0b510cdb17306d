//! memprobe, without a subscriber, or (`json`) with one that writes JSON to a sink.

use std::fs::File;
use std::hint::black_box;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use memprobe::{memprobe, probe};
use memprobe_bench::harness::{alone, calls, compare, cpu_of_threads, median, print};
use memprobe_bench::{compare_workloads, workloads};
use tikv_jemalloc_ctl::{epoch, stats};

memprobe::global_allocator!();

workloads!(plain);
workloads!(with, #[memprobe::memprobe]);

#[memprobe]
#[inline(never)]
fn probed(n: u64) -> u64 {
    probe!("middle");
    black_box(n)
}

/// One call with a loop.
#[memprobe]
fn loops(case: &str) {
    alone(case, |n| (0..n).for_each(|_| probe!("round")));
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("json") {
        listened_to();
    } else {
        filtered_out();
    }
}

fn filtered_out() {
    compare_workloads!();
    compare("a probe", calls(with::empty), calls(probed));
    loops("a probe in a loop");
    of_threads();
}

/// One function called by many threads; the plain one stands for what the threads cost.
fn of_threads() {
    for threads in [1, 2, 4, 16] {
        let cpu = |f: fn(u64) -> u64| cpu_of_threads(threads, calls(f));
        let case = format!("{threads} threads: empty");
        print(&case, cpu(plain::empty), cpu(with::empty));
        let case = format!("{threads} threads: malloc + free 64 B");
        print(&case, cpu(plain::allocates), cpu(with::allocates));
    }
}

/// The ordinary state in production: events are wanted, and nearly no call is admitted.
fn listened_to() {
    tracing_subscriber::fmt().json().with_writer(|| Sink).init();
    let stays_out = |f: fn(u64) -> u64| calls(f)(100);
    stays_out(with::empty);
    stays_out(with::allocates);
    stays_out(probed);
    compare("not admitted: empty", calls(plain::empty), calls(with::empty));
    compare("not admitted: malloc + free 64 B", calls(plain::allocates), calls(with::allocates));
    compare("not admitted: a probe", calls(with::empty), calls(probed));
    loops("admitted: a probe in a loop");
    of_threads();
    for others in [0, 16, 64, 256] {
        with_other_threads(others, written);
    }
}

/// Writes events to nowhere, and counts those with the figures of an epoch when asked to.
struct Sink;

static COUNTS: AtomicBool = AtomicBool::new(false);
static EPOCHS: AtomicU64 = AtomicU64::new(0);

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        const FIELD: &[u8] = b"\"jemalloc_allocated\"";
        if COUNTS.load(Relaxed) && bytes.windows(FIELD.len()).any(|part| part == FIELD) {
            EPOCHS.fetch_add(1, Relaxed);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs `work` while so many threads that have allocated wait.
fn with_other_threads(others: usize, work: fn(&str)) {
    let barrier = std::sync::Barrier::new(others + 1);
    std::thread::scope(|scope| {
        for _ in 0..others {
            scope.spawn(|| {
                drop(black_box(vec![0_u8; 1 << 12]));
                barrier.wait();
                barrier.wait();
            });
        }
        barrier.wait();
        work(&format!("{} threads", others + 1));
        barrier.wait();
    });
}

/// Events one by one, against the same event with constant values.
#[memprobe(rate = 0)]
fn written(threads: &str) {
    const EVENTS: usize = 2000;
    let statm = File::open("/proc/self/statm").expect("Linux");
    let timed = |event: &dyn Fn()| {
        let start = Instant::now();
        event();
        start.elapsed().as_nanos() as f64
    };
    let (mut constants, mut with_rss, mut events) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..EVENTS {
        constants.push(timed(&constant_event));
        with_rss.push(timed(&|| {
            black_box(statm.read_at(&mut [0; 96], 0).is_ok());
            constant_event();
        }));
        events.push(timed(&|| probe!("written")));
    }
    let constants = median(constants);
    print(&format!("constants and a read of RSS, {threads}"), constants, median(with_rss));
    print(&format!("an event, {threads}"), constants, median(events));
    epochs(threads);
}

/// What memprobe does for the `jemalloc_*` fields of an event.
fn refresh() -> tikv_jemalloc_ctl::Result<[usize; 6]> {
    epoch::advance()?;
    Ok([
        stats::allocated::read()?,
        stats::active::read()?,
        stats::metadata::read()?,
        stats::resident::read()?,
        stats::mapped::read()?,
        stats::retained::read()?,
    ])
}

/// The share of wall time that goes into epochs when events come back to back, in percent.
fn epochs(threads: &str) {
    const WHILE: Duration = Duration::from_millis(300);
    let took = (0..100).map(|_| {
        let start = Instant::now();
        let _ = black_box(refresh());
        start.elapsed().as_nanos() as f64
    });
    let cost = median(took.collect());
    EPOCHS.store(0, Relaxed);
    COUNTS.store(true, Relaxed);
    let start = Instant::now();
    while start.elapsed() < WHILE {
        probe!("written");
    }
    let wall = start.elapsed().as_nanos() as f64;
    COUNTS.store(false, Relaxed);
    print(&format!("an epoch, {threads}"), 0.0, cost);
    // What the burst gives at once comes on top of the share: 5 ms.
    let spent = EPOCHS.load(Relaxed) as f64 * cost;
    print(&format!("epochs in % of wall time, {threads}"), 0.0, 100.0 * spent / wall);
}

/// The fields of a probe's event, with constant values.
fn constant_event() {
    tracing::info!(
        target: "memprobe::memprobe",
        memprobe = "probe",
        function = "memprobe::written",
        from = "written",
        label = "written",
        call_id = 1_u64,
        uptime_us = 1_000_000_u64,
        peak = 0_u64,
        net = 0_i64,
        held = 0_i64,
        allocated = 0_u64,
        freed = 0_u64,
        rss = 10_000_000_u64,
        "written: written -> written: peak +0 B, kept +0 B, holds 0 B; rss 9.5 MiB (+0 B)"
    );
}
