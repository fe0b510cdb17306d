//! What many calls at once and a deep recursion take, plain and annotated. Each number of calls
//! is a process of its own, because the first time is what counts: later ones find the records.

use std::hint::black_box;
use std::time::{Duration, Instant};

memprobe::global_allocator!();

mod plain {
    use super::{SLEEP, black_box};

    pub async fn sleeper(n: usize) -> usize {
        let held = vec![1_u8; n];
        tokio::time::sleep(SLEEP).await;
        held.len()
    }

    pub fn down(n: usize) -> usize {
        let held = black_box(Box::new(n));
        if n == 0 { 0 } else { 1 + down(*held - 1) }
    }
}

mod with {
    use super::{SLEEP, black_box};

    #[memprobe::memprobe]
    pub async fn sleeper(n: usize) -> usize {
        let held = vec![1_u8; n];
        tokio::time::sleep(SLEEP).await;
        held.len()
    }

    #[memprobe::memprobe]
    pub fn down(n: usize) -> usize {
        let held = black_box(Box::new(n));
        if n == 0 { 0 } else { 1 + down(*held - 1) }
    }
}

const SLEEP: Duration = Duration::from_millis(300);
/// Enough for a million calls in each other.
const STACK: usize = 2 << 30;

fn tasks<F: Future<Output = usize> + Send + 'static>(
    workers: usize,
    count: usize,
    task: fn(usize) -> F,
) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let tasks: Vec<_> = (0..count).map(|_| tokio::spawn(task(64))).collect();
        for task in tasks {
            assert_eq!(task.await.expect("no panic"), 64);
        }
    });
}

fn recursion(depth: usize, down: fn(usize) -> usize) {
    let work = move || assert_eq!(down(depth), depth);
    std::thread::Builder::new()
        .stack_size(STACK)
        .spawn(work)
        .expect("a stack")
        .join()
        .expect("no panic");
}

fn rss() -> f64 {
    memprobe::process().rss.unwrap_or(0) as f64 / f64::from(1 << 20)
}

/// `tasks|recursion`, `plain|with`, and how many.
fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, case, way, count] = &arguments[..] else {
        panic!("growth tasks|recursion plain|with COUNT")
    };
    let count: usize = count.parse().expect("a number");
    let before = rss();
    for turn in ["first", "again"] {
        let start = Instant::now();
        match (&**case, &**way) {
            ("tasks", "plain") => tasks(4, count, plain::sleeper),
            ("tasks", "with") => tasks(4, count, with::sleeper),
            ("recursion", "plain") => recursion(count, plain::down),
            ("recursion", "with") => recursion(count, with::down),
            _ => panic!("{case} {way}"),
        }
        let took = start.elapsed().as_secs_f64();
        println!("{case}, {count}: {way}, {turn}\t{took:.3} s\tRSS {:+.1} MiB", rss() - before);
    }
}
