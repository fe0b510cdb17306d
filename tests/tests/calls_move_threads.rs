//! 200 concurrent tasks on four workers: each call's figures are its own, to the byte,
//! though it moves between threads.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use memprobe::{memprobe, probe};
use memprobe_tests::record::{self, Recorder};
use memprobe_tests::yield_now;

memprobe::global_allocator!();

const TASKS: u64 = 200;
static MIGRATIONS: AtomicUsize = AtomicUsize::new(0);

/// What a block of this size takes: sizes below are classes of jemalloc.
fn block(size: usize) -> Vec<u8> {
    black_box(vec![1; size])
}

fn classes(n: u64) -> (usize, usize) {
    ((64 << 10) * (1 + n as usize % 4), (1 << 20) * (1 + n as usize % 4))
}

/// Awaits in ways that let other tasks in and let the runtime move it.
async fn wander(n: u64, step: u64) {
    let before = thread::current().id();
    match (n + step) % 3 {
        0 => yield_now().await,
        1 => tokio::time::sleep(Duration::from_micros(50 * (n % 7))).await,
        _ => {
            for _ in 0..3 {
                yield_now().await;
            }
        }
    }
    if thread::current().id() != before {
        MIGRATIONS.fetch_add(1, Relaxed);
    }
}

#[memprobe(rate = 0)]
async fn inner(n: u64) -> Vec<u8> {
    let (small, _) = classes(n);
    let kept = block(small);
    wander(n, 1).await;
    drop(block(small));
    kept
}

#[memprobe(rate = 0)]
async fn outer(n: u64) -> Vec<u8> {
    let (_, large) = classes(n);
    let first = block(large);
    wander(n, 2).await;
    probe!("first", n = n);
    let second = block(large);
    wander(n, 3).await;
    drop(first);
    let nested = inner(n).await;
    wander(n, 4).await;
    probe!("second", n = n);
    drop(second);
    nested
}

#[test]
fn each_call_is_exact_across_threads() {
    Recorder::install();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build();
    runtime.expect("a runtime").block_on(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|n| {
                tokio::spawn(async move {
                    let kept = outer(n).await;
                    assert_eq!(kept.len(), classes(n).0);
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("a task that ends");
        }
    });
    let migrations = MIGRATIONS.load(Relaxed);
    println!("{migrations} migrations");
    assert!(migrations >= 50, "only {migrations} migrations: this proves nothing");

    let records = record::take();
    let number_of: HashMap<i64, u64> = records
        .iter()
        .filter(|record| record.get("label") == Some("first"))
        .map(|record| (record.number("call_id"), record.number("n") as u64))
        .collect();
    assert_eq!(number_of.len() as u64, TASKS);
    let mut checked = 0;
    for record in &records {
        let is_outer = record.get("function") == Some("calls_move_threads::outer");
        let id = if is_outer { "call_id" } else { "parent_id" };
        let (small, large) = classes(number_of[&record.number(id)]);
        let (small, large) = (small as i64, large as i64);
        let figures = |prefix: &str| {
            ["allocated", "freed", "peak", "net"]
                .map(|name| record.number(&format!("{prefix}{name}")))
        };
        match (is_outer, record.get("memprobe"), record.get("label")) {
            (true, Some("probe"), Some("first")) => {
                assert_eq!(figures(""), [large, 0, large, large], "{record:#?}");
            }
            (true, Some("probe"), Some("second")) => {
                // At its height: both large blocks.
                let peak = large.max(2 * small);
                assert_eq!(
                    figures(""),
                    [large + 2 * small, large + small, peak, small],
                    "{record:#?}"
                );
                assert_eq!(record.number("held"), large + small);
            }
            (true, Some("exit"), _) => {
                assert_eq!(
                    figures("call_"),
                    [2 * large + 2 * small, 2 * large + small, 2 * large, small],
                    "{record:#?}"
                );
                assert_eq!(record.get("outcome"), Some("returned"));
                checked += 1;
            }
            (false, Some("exit"), _) => {
                assert_eq!(figures("call_"), [2 * small, small, 2 * small, small], "{record:#?}");
                checked += 1;
            }
            _ => assert_eq!(record.get("memprobe"), Some("entry"), "{record:#?}"),
        }
    }
    assert_eq!(checked, 2 * TASKS);

    let report = memprobe::report();
    let outer = &report.functions[0];
    assert_eq!((outer.name, outer.outcomes.returned), ("calls_move_threads::outer", TASKS));
    let sum = |of: fn((usize, usize)) -> usize| (0..TASKS).map(classes).map(of).sum::<usize>();
    assert_eq!(
        outer.figures.as_ref().expect("jemalloc").allocated,
        sum(|(small, large)| 2 * (small + large)) as u64
    );
    assert_eq!(
        outer.figures.as_ref().expect("jemalloc").self_allocated,
        sum(|(_, large)| 2 * large) as u64,
        "without inner"
    );
    assert_eq!(outer.figures.as_ref().expect("jemalloc").net(), sum(|(small, _)| small) as i64);
    assert_eq!(outer.figures.as_ref().expect("jemalloc").self_net(), 0);
}
