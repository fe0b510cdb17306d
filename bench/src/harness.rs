//! Times a function with and without a peer's reading, side by side in one process, and
//! prints what it found for the driver: a case, then ns without and ns with.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// How long a batch takes: short enough that most are not interrupted.
const BATCH: Duration = Duration::from_micros(200);
/// Batches of each kind, taken in turns.
const BATCHES: usize = 41;

/// Prints the cost of a case; each function runs what it is given so many times.
pub fn compare(case: &str, plain: impl Fn(u64), with: impl Fn(u64)) {
    let n = (calibrate(&plain), calibrate(&with));
    compare_batches(case, n, plain, with);
}

/// The same in batches of a given size.
pub fn compare_batches(
    case: &str,
    (plain_n, with_n): (u64, u64),
    plain: impl Fn(u64),
    with: impl Fn(u64),
) {
    let mut batches: [Vec<f64>; 2] = Default::default();
    for _ in 0..BATCHES {
        batches[0].push(time(&plain, plain_n));
        batches[1].push(time(&with, with_n));
    }
    let [plain, with] = batches.map(median);
    print(case, plain, with);
}

/// Prints a case that has no plain counterpart.
pub fn alone(case: &str, with: impl Fn(u64)) {
    let n = calibrate(&with);
    let batches = (0..BATCHES).map(|_| time(&with, n)).collect();
    print(case, 0.0, median(batches));
}

/// Prints a case that was measured in another way.
pub fn print(case: &str, plain: f64, with: f64) {
    println!("{case}\t{plain}\t{with}");
}

/// Runs `f` until a batch takes long enough; gives its size.
fn calibrate(f: &impl Fn(u64)) -> u64 {
    // What is done once must not pass for a batch.
    f(1);
    let mut n = 1;
    loop {
        let start = Instant::now();
        f(n);
        let took = start.elapsed();
        if took >= BATCH {
            return n;
        }
        let ratio = BATCH.as_secs_f64() / took.as_secs_f64().max(1e-9);
        n = (n as f64 * ratio.clamp(1.5, 10.0)).ceil() as u64;
    }
}

/// Nanoseconds of one run out of `n`.
fn time(f: &impl Fn(u64), n: u64) -> f64 {
    let start = Instant::now();
    f(n);
    start.elapsed().as_nanos() as f64 / n as f64
}

/// The middle value; of none it is 0.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// Calls a sync function so many times.
pub fn calls(f: fn(u64) -> u64) -> impl Fn(u64) {
    move |n| {
        for i in 0..n {
            black_box(f(black_box(i)));
        }
    }
}

/// Calls an async function so many times, and polls each future to its end.
pub fn polls<F: Future>(f: impl Fn(u64) -> F) -> impl Fn(u64) {
    move |n| {
        let mut context = Context::from_waker(Waker::noop());
        for i in 0..n {
            let mut future = pin!(f(black_box(i)));
            while future.as_mut().poll(&mut context).is_pending() {}
        }
    }
}

/// Lets another poll happen.
pub async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// CPU time that this thread has used.
pub fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: fills in the time.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// CPU nanoseconds of one run, where each of so many threads runs it over and over.
///
/// # Panics
///
/// Where a thread panics.
pub fn cpu_of_threads(threads: u64, f: impl Fn(u64) + Sync) -> f64 {
    let each = 4_000_000 / threads;
    let barrier = std::sync::Barrier::new(threads as usize);
    let run = || {
        f(1000);
        barrier.wait();
        let start = cpu_time();
        f(each);
        cpu_time().saturating_sub(start)
    };
    let spent: Duration = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    spent.as_nanos() as f64 / (each * threads) as f64
}
