//! Everything at once, for `SOAK_SECONDS` (20 if it is not set): threads that stay, that come and
//! go, tasks, carried work, panics, cancelled futures, forks, resets, reports and crossings of a
//! watch. After each second phase, in which nothing is reset, all figures must be exact; and memory
//! must be what it was.

mod work;

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use memprobe_soak::{in_child, take_stderr};

#[cfg(not(feature = "system-allocator"))]
memprobe::global_allocator!();

const WORKERS: usize = 32;
/// The limit of the watch, in bytes.
const LIMIT: usize = 2 << 30;
const HAS_BYTES: bool = !cfg!(feature = "system-allocator");
/// Bytes by which live memory may differ between two times at which nothing runs.
const NOISE: u64 = 512 << 10;

static STOP: AtomicBool = AtomicBool::new(false);
static RESETS: AtomicBool = AtomicBool::new(false);
static LINES: AtomicU64 = AtomicU64::new(0);
static FORKS: AtomicU64 = AtomicU64::new(0);
static REPORTS: AtomicU64 = AtomicU64::new(0);
static THREADS: AtomicU64 = AtomicU64::new(0);

/// Random numbers, by xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn size(&mut self) -> usize {
        // Large blocks seldom, as in programs.
        work::SIZES[[0, 0, 0, 1, 1, 2, 2, 3][self.below(8) as usize]]
    }
}

type Work = Box<dyn FnOnce() + Send>;

fn act(random: &mut Random, tasks: &tokio::runtime::Runtime, send: &dyn Fn(Work)) {
    let bytes = random.size();
    match random.below(100) {
        0..30 => work::call_keep(bytes),
        30..60 => work::call_outer(bytes),
        60..75 => work::call_waits(bytes),
        75..85 => work::call_carries(bytes, send),
        85..90 => work::call_fails(bytes),
        90..98 => {
            tasks.block_on(async { tokio::spawn(work::call_task(bytes)).await.expect("ends") });
        }
        _ => {
            let short = thread::spawn(move || work::call_outer(bytes));
            short.join().expect("no panic");
            THREADS.fetch_add(1, Relaxed);
        }
    }
}

/// Crosses thresholds again and again, by memory that nobody touches.
fn cross(bytes: usize) {
    while !STOP.load(Relaxed) {
        let block: Vec<u8> = std::hint::black_box(Vec::with_capacity(bytes));
        thread::sleep(Duration::from_millis(5));
        drop(block);
        thread::sleep(Duration::from_millis(50));
    }
}

/// Forks in the midst of everything; the child makes calls and a report.
fn fork() {
    let mut random = Random(7);
    // From here on the thread has what it needs for its calls. In a child it could not get it if
    // another thread was just getting it at the fork.
    work::call_outer(random.size());
    while !STOP.load(Relaxed) {
        let bytes = random.size();
        let ended = in_child(Duration::from_secs(60), || {
            work::call_outer(bytes);
            let (report, running) = (memprobe::report(), memprobe::in_flight().len());
            assert!(!report.functions.is_empty(), "the child's call is in no report: {report}");
            assert!(running < 10_000, "{running} calls run in the child");
        });
        if let Err(why) = ended {
            println!("a forked child failed: {why}");
            std::process::exit(1);
        }
        FORKS.fetch_add(1, Relaxed);
        thread::sleep(Duration::from_millis(100));
    }
}

fn report() {
    let mut random = Random(11);
    while !STOP.load(Relaxed) {
        std::hint::black_box((memprobe::report(), memprobe::in_flight(), memprobe::process()));
        if RESETS.load(Relaxed) && random.below(3) == 0 {
            memprobe::reset();
        }
        REPORTS.fetch_add(1, Relaxed);
        thread::sleep(Duration::from_millis(20));
    }
}

/// Does everything for so long, and returns when nothing runs any more.
fn phase(length: Duration, tasks: &Arc<tokio::runtime::Runtime>, seed: u64, block: usize) {
    STOP.store(false, Relaxed);
    let barrier = Arc::new(Barrier::new(WORKERS));
    let (to_carrier, receive) = mpsc::channel::<Work>();
    let carrier = thread::spawn(move || receive.into_iter().for_each(|work| work()));
    let workers = (0..WORKERS as u64).map(|at| {
        let (barrier, tasks, to_carrier) =
            (Arc::clone(&barrier), Arc::clone(tasks), to_carrier.clone());
        thread::spawn(move || {
            let mut random = Random(seed ^ (at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            barrier.wait();
            while !STOP.load(Relaxed) {
                act(&mut random, &tasks, &|work| to_carrier.send(work).expect("the carrier runs"));
            }
        })
    });
    let others = [thread::spawn(fork), thread::spawn(report), thread::spawn(move || cross(block))];
    let all: Vec<_> = workers.collect();
    drop(to_carrier);
    thread::sleep(length);
    STOP.store(true, Relaxed);
    for thread in all.into_iter().chain(others).chain([carrier]) {
        thread.join().expect("no panic");
    }
    assert!(memprobe::in_flight().is_empty(), "{:?}", memprobe::in_flight());
}

/// Holds the report against the tallies. Returns how many calls it has compared.
fn compare() -> u64 {
    let report = memprobe::report();
    let mut calls = 0;
    for (path, tally) in work::ALL {
        let of = |function: &&memprobe::report::Function| function.name.ends_with(path);
        let function = report.functions.iter().find(of).expect("a function that was called");
        let outcomes = &function.outcomes;
        let expected = [&tally.returned, &tally.panicked, &tally.cancelled];
        let expected = expected.map(|count| count.load(Relaxed));
        assert_eq!([outcomes.returned, outcomes.panicked, outcomes.cancelled], expected, "{path}");
        let (allocated, freed) = (tally.allocated.load(Relaxed), tally.freed.load(Relaxed));
        if allocated > 0 && HAS_BYTES {
            let figures = function.figures.expect("jemalloc");
            assert_eq!((figures.allocated, figures.freed), (allocated, freed), "{path}");
        }
        if path == "::carries" {
            let done: u64 = function.carried.iter().map(|segment| segment.count).sum();
            assert_eq!(done, expected[0], "carried work");
        }
        calls += expected.iter().sum::<u64>();
    }
    calls
}

fn main() {
    let seconds = std::env::var("SOAK_SECONDS").map_or(20, |text| text.parse().expect("seconds"));
    let (pipe, _stderr) = take_stderr();
    thread::spawn(move || {
        for line in BufReader::<File>::new(pipe).lines() {
            let line = line.expect("text");
            if line.starts_with("memprobe: threshold=") {
                LINES.fetch_add(1, Relaxed);
            } else {
                println!("stderr: {line}");
            }
        }
    });
    let tasks = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build();
    let tasks = Arc::new(tasks.expect("a runtime"));
    let watch = memprobe::Watch::new().limit(memprobe::Limit::from_bytes(LIMIT as u64));
    let mode = watch.thresholds([0.5, 0.9]).install().expect("a watch");
    println!("watch {mode:?}, {WORKERS} threads, {seconds} s");
    let length = Duration::from_secs(seconds / 40).max(Duration::from_secs(2));
    let (start, mut levels, mut compared) = (Instant::now(), Vec::new(), 0);
    for seed in 0.. {
        RESETS.store(true, Relaxed);
        phase(length, &tasks, 2 * seed + 1, LIMIT / 10 * 6);
        RESETS.store(false, Relaxed);
        memprobe::reset();
        work::forget_tallies();
        phase(length, &tasks, 2 * seed + 2, LIMIT / 10 * 6);
        compared += compare();
        let process = memprobe::process();
        let heap = process.heap.unwrap_or_default();
        levels.push(heap.allocated);
        println!(
            "{:>5} s: {compared} calls exact; {} reports, {} forks, {} threads, {} lines; \
             allocated {} KiB, metadata {} KiB, rss {} KiB",
            start.elapsed().as_secs(),
            REPORTS.load(Relaxed),
            FORKS.load(Relaxed),
            THREADS.load(Relaxed),
            LINES.load(Relaxed),
            heap.allocated >> 10,
            heap.metadata >> 10,
            process.rss.unwrap_or(0) >> 10,
        );
        if start.elapsed().as_secs() >= seconds && levels.len() >= 3 {
            break;
        }
    }
    if HAS_BYTES {
        assert!(LINES.load(Relaxed) > 0, "the watch has said nothing");
    }
    // The first phases make what stays: totals, the call tree, the records of a burst. Of the others
    // the lowest levels count, because threads that have just ended leave more behind or less.
    let (middle, end) = levels[levels.len() / 3..].split_at(levels.len() / 3);
    let lowest = |levels: &[u64]| levels.iter().copied().min().expect("some");
    let (settled, last) = (lowest(middle), lowest(end));
    assert!(last <= settled + NOISE, "it grows: {levels:?}");
    println!("flat: {settled} bytes in the second third of the time, {last} in the last");
}
