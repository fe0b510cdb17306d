//! Random spans on four workers, nested in each other and in annotated functions, sync and async:
//! each call's figures are those of an independent counter, to the byte.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use memprobe::memprobe;
use memprobe_tests::exact::{Exact, Figures, Scope, pause};
use memprobe_tests::random::Random;
use memprobe_tests::record;
use memprobe_tests::uncounted::{RecorderLayer, Uncounted};
use memprobe_tests::yield_now;
use tracing::{Instrument, info_span};
use tracing_subscriber::prelude::*;

#[global_allocator]
static ALLOCATOR: Exact<memprobe::Allocator> = Exact(memprobe::Allocator);

const TASKS: u64 = 64;
const MOST: usize = 200_000;
static MIGRATIONS: AtomicUsize = AtomicUsize::new(0);

/// Name of the function, and what the counter has of one call.
type Call = (&'static str, Figures);

static EXPECTED: Mutex<Vec<Call>> = Mutex::new(Vec::new());

fn expect(call: Call) {
    let mut expected = EXPECTED.lock().expect("no panic");
    assert!(expected.len() < expected.capacity(), "room without growing");
    expected.push(call);
}

/// Adds a part of a call to what the counter has of the call so far.
fn add(sum: &mut Figures, part: Figures) {
    sum.peak = sum.peak.max((sum.net() + part.peak as i64).max(0) as u64);
    sum.allocated += part.allocated;
    sum.freed += part.freed;
}

const NOTHING: Figures = Figures { allocated: 0, freed: 0, peak: 0, moved_peak: 0 };

/// Runs what memprobe does around a function: the counter does not count that.
fn uncounted<T>(work: impl FnOnce() -> T) -> T {
    let before = pause(true);
    let output = work();
    pause(before);
    output
}

async fn uncounted_future<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    std::future::poll_fn(|context| uncounted(|| future.as_mut().poll(context))).await
}

/// Counts what is done, also where the counter was paused around it.
fn count<T>(work: impl FnOnce() -> T) -> (T, Figures) {
    let scope = Scope::begin();
    let before = pause(false);
    let output = work();
    pause(before);
    (output, scope.end())
}

/// Counts what the polls of a future do.
async fn counted<F: Future>(name: &'static str, future: F) -> F::Output {
    let (mut future, mut sum) = (pin!(future), NOTHING);
    let output = std::future::poll_fn(|context| {
        let (output, part) = count(|| future.as_mut().poll(context));
        add(&mut sum, part);
        output
    })
    .await;
    expect((name, sum));
    output
}

fn counted_sync<T>(name: &'static str, work: impl FnOnce() -> T) -> T {
    let (output, figures) = count(work);
    expect((name, figures));
    output
}

fn block(random: &mut Random) -> Vec<u8> {
    let size = if random.below(3) == 0 { 1 << 20 } else { 4 << 10 };
    black_box(Vec::with_capacity(random.below(size) as usize + 1))
}

/// Allocates and frees, so that some of it outlives the caller.
fn act(random: &mut Random, kept: &mut Vec<Vec<u8>>) {
    match random.below(4) {
        0 if kept.len() < kept.capacity() => kept.push(block(random)),
        1 => drop(kept.pop()),
        2 => drop(block(random)),
        _ => {
            if let Some(block) = kept.last_mut() {
                block.reserve_exact(random.below(300_000) as usize);
            }
        }
    }
}

fn sync_span(random: &mut Random, kept: &mut Vec<Vec<u8>>, depth: u64) {
    info_span!("in_scope").in_scope(|| {
        counted_sync("spans_exact::in_scope", || {
            for _ in 0..random.below(5) {
                act(random, kept);
                if depth < 5 && random.below(3) == 0 {
                    uncounted(|| annotated(random, kept, depth + 1));
                }
            }
        });
    });
}

#[memprobe(rate = 0)]
fn annotated(random: &mut Random, kept: &mut Vec<Vec<u8>>, depth: u64) {
    counted_sync("spans_exact::annotated", || {
        for _ in 0..random.below(4) {
            act(random, kept);
            if depth < 5 && random.below(3) == 0 {
                sync_span(random, kept, depth + 1);
            }
        }
    });
}

fn async_span<'a>(
    random: &'a mut Random,
    kept: &'a mut Vec<Vec<u8>>,
    depth: u64,
) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
    let work = async move {
        for _ in 0..random.below(8) {
            act(random, kept);
            match random.below(6) {
                0 | 1 => {
                    let before = thread::current().id();
                    yield_now().await;
                    if thread::current().id() != before {
                        MIGRATIONS.fetch_add(1, Relaxed);
                    }
                }
                2 if depth < 5 => async_span(random, kept, depth + 1).await,
                3 => sync_span(random, kept, depth + 1),
                4 => uncounted_future(annotated_async(random, kept)).await,
                _ => {}
            }
        }
    };
    Box::pin(counted("spans_exact::polled", work).instrument(info_span!("polled", depth)))
}

#[memprobe(rate = 0)]
async fn annotated_async(random: &mut Random, kept: &mut Vec<Vec<u8>>) {
    let work = async {
        act(random, kept);
        yield_now().await;
        sync_span(random, kept, 4);
        act(random, kept);
    };
    counted("spans_exact::annotated_async", work).await;
}

type ByName = BTreeMap<(String, u64, u64), Vec<u64>>;

/// The peaks of all calls with the same name and the same bytes.
fn by_name(calls: impl Iterator<Item = (String, u64, u64, u64)>) -> ByName {
    let mut all = ByName::new();
    for (name, allocated, freed, peak) in calls {
        all.entry((name, allocated, freed)).or_default().push(peak);
    }
    for peaks in all.values_mut() {
        peaks.sort_unstable();
    }
    all
}

#[test]
fn each_span_is_exact_across_threads() {
    EXPECTED.lock().expect("no panic").reserve(MOST);
    let subscriber = tracing_subscriber::registry()
        .with(RecorderLayer)
        .with(memprobe::spans::layer().rate(0.0))
        .with(tracing_subscriber::fmt::layer().json().with_writer(std::io::sink));
    let subscriber = Uncounted(memprobe::spans::ignore(subscriber));
    tracing::subscriber::set_global_default(subscriber).expect("the only subscriber");

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build();
    runtime.expect("a runtime").block_on(async {
        let task = |n: u64| async move {
            let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (n << 7));
            let mut kept = Vec::with_capacity(64);
            for _ in 0..30 {
                async_span(&mut random, &mut kept, 0).await;
            }
        };
        for task in (0..TASKS).map(|n| tokio::spawn(task(n))).collect::<Vec<_>>() {
            task.await.expect("no panic");
        }
    });

    let expected = std::mem::take(&mut *EXPECTED.lock().expect("no panic"));
    let calls = expected.len();
    assert!(calls > 10_000, "{calls} calls");
    assert!(MIGRATIONS.load(Relaxed) > 10, "{MIGRATIONS:?}");
    let expected =
        by_name(expected.into_iter().map(|(name, figures)| {
            (name.to_owned(), figures.allocated, figures.freed, figures.peak)
        }));
    let records = record::take();
    let exits = records.iter().filter(|record| record.get("memprobe") == Some("exit"));
    let ours = by_name(exits.map(|exit| {
        let number = |name| exit.number(name) as u64;
        let name = exit.get("function").expect("a name").to_owned();
        (name, number("call_allocated"), number("call_freed"), number("call_peak"))
    }));
    let only = |some: &ByName, other: &ByName| {
        let only = some.keys().filter(|call| !other.contains_key(*call)).cloned();
        only.take(10).collect::<Vec<_>>()
    };
    assert_eq!((only(&ours, &expected), only(&expected, &ours)), (vec![], vec![]));
    for (call, exact) in &expected {
        let peaks = &ours[call];
        assert_eq!(peaks.len(), exact.len(), "{call:?}");
        for (&peak, &exact) in peaks.iter().zip(exact) {
            assert!(peak <= exact && exact - peak <= 64 << 10, "{call:?}: {peak}, exact {exact}");
        }
    }
    // All calls are over, and in the totals as well.
    assert!(memprobe::in_flight().is_empty());
    let report = memprobe::report();
    let total: u64 = report.functions.iter().map(|function| function.outcomes.calls()).sum();
    assert_eq!(total, calls as u64);
    println!("{calls} calls, {MIGRATIONS:?} moves to another thread");
}
