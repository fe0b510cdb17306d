//! The report from the log of a run equals `memprobe::report()` of that run where every call was
//! written: random calls in each other, sync and async, with probes, panics and futures that are
//! dropped, on one thread and on several.
//!
//! What a log cannot know is left out of the comparison, and of the report: the peak of a function
//! without its nested calls, and what is sampled at moments of the program's own (the timeline, the
//! process). On several threads the order of the calls, and with it the latter part of them, is that
//! of the log.

use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;

use memprobe::{memprobe, probe};
use memprobe_tests::output::Output;
use memprobe_tests::{poll, yield_now};
use serde_json::Value;

memprobe::global_allocator!();

/// splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// What a call does, and its calls, before any of it is measured.
#[derive(Debug)]
enum Step {
    Take(usize),
    Drop,
    Churn(usize),
    Probe(u64),
    Call(Call),
    /// Two at once, each of which may be interrupted by the other.
    Both(Call, Call),
    /// A future that is dropped after its first poll.
    Cancel(Call),
}

#[derive(Debug)]
struct Call {
    function: u64,
    steps: Vec<Step>,
    panics: bool,
}

fn call(random: &mut Random, depth: u64, is_async: bool) -> Call {
    let steps = (0..random.below(7)).map(|_| step(random, depth, is_async)).collect();
    Call { function: random.below(3), steps, panics: !is_async && random.below(12) == 0 }
}

fn step(random: &mut Random, depth: u64, is_async: bool) -> Step {
    let inner = |random: &mut Random| call(random, depth - 1, is_async);
    match random.below(if depth == 0 { 6 } else { 10 }) {
        0 | 1 => Step::Take(1 << random.below(21)),
        2 => Step::Drop,
        3 => Step::Churn(1 << random.below(19)),
        4 | 5 => Step::Probe(random.below(4)),
        6 if is_async => Step::Both(inner(random), inner(random)),
        7 if is_async => Step::Cancel(inner(random)),
        _ => Step::Call(inner(random)),
    }
}

/// Probes are written at the rate of their function, here all of them.
fn point(which: u64) {
    match which {
        0 => probe!("first"),
        1 => probe!("second", which),
        2 => probe!("third", text = "a \"b\" \n {\"memprobe\":\"exit\"}"),
        _ => probe!("first"),
    }
}

fn act(step: &Step, held: &mut Vec<Vec<u8>>) {
    match step {
        Step::Take(bytes) => held.push(black_box(vec![1; *bytes])),
        Step::Drop => drop(held.pop()),
        Step::Churn(bytes) => drop(black_box(vec![1_u8; *bytes])),
        Step::Probe(which) => point(*which),
        Step::Call(_) | Step::Both(..) | Step::Cancel(_) => {}
    }
}

fn run_sync(call: &Call) -> Vec<Vec<u8>> {
    match call.function {
        0 => sync_a(call),
        1 => sync_b(call),
        _ => sync_c(call),
    }
}

fn body(call: &Call) -> Vec<Vec<u8>> {
    let mut held = Vec::new();
    for step in &call.steps {
        match step {
            Step::Call(inner) => {
                let result = catch_unwind(AssertUnwindSafe(|| run_sync(inner)));
                held.extend(result.unwrap_or_default().pop());
            }
            other => act(other, &mut held),
        }
    }
    if call.panics {
        std::panic::resume_unwind(Box::new("it panics"));
    }
    held
}

#[memprobe(rate = 0)]
fn sync_a(call: &Call) -> Vec<Vec<u8>> {
    body(call)
}

#[memprobe(rate = 0)]
fn sync_b(call: &Call) -> Vec<Vec<u8>> {
    body(call)
}

#[memprobe(rate = 0)]
fn sync_c(call: &Call) -> Vec<Vec<u8>> {
    body(call)
}

type Boxed<'a> = Pin<Box<dyn Future<Output = Vec<Vec<u8>>> + Send + 'a>>;

fn run_async(call: &Call) -> Boxed<'_> {
    match call.function {
        0 => Box::pin(async_a(call)),
        1 => Box::pin(async_b(call)),
        _ => Box::pin(async_c(call)),
    }
}

async fn async_body(call: &Call) -> Vec<Vec<u8>> {
    let mut held = Vec::new();
    for step in &call.steps {
        match step {
            Step::Call(inner) => held.extend(run_async(inner).await.pop()),
            Step::Both(one, other) => {
                let (mut one, other) = tokio::join!(run_async(one), run_async(other));
                held.extend(one.pop());
                drop(other);
            }
            Step::Cancel(inner) => {
                let mut future = run_async(inner);
                poll(future.as_mut());
                drop(future);
            }
            other => act(other, &mut held),
        }
        yield_now().await;
    }
    held
}

#[memprobe(rate = 0)]
async fn async_a(call: &Call) -> Vec<Vec<u8>> {
    async_body(call).await
}

#[memprobe(rate = 0)]
async fn async_b(call: &Call) -> Vec<Vec<u8>> {
    async_body(call).await
}

#[memprobe(rate = 0)]
async fn async_c(call: &Call) -> Vec<Vec<u8>> {
    async_body(call).await
}

/// How the calls of a round run.
#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Sync,
    Async,
    Threads,
    Tasks,
}

fn round(seed: u64, how: How) {
    let mut random = Random(seed);
    let is_async = matches!(how, How::Async | How::Tasks);
    // Not deeper: the call tree has room for 32 callers of a function, and those that are beyond it
    // depend on which came first.
    let mut calls = || -> Vec<Call> { (0..80).map(|_| call(&mut random, 2, is_async)).collect() };
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(3).build();
    match how {
        How::Sync => sync_all(&calls()),
        How::Async => calls().iter().for_each(|call| {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            drop(runtime.expect("a runtime").block_on(run_async(call)));
        }),
        How::Threads => {
            let each: Vec<Vec<Call>> = (0..4).map(|_| calls()).collect();
            std::thread::scope(|scope| {
                for calls in &each {
                    scope.spawn(|| sync_all(calls));
                }
            });
        }
        How::Tasks => runtime().expect("a runtime").block_on(async {
            let tasks: Vec<_> = calls()
                .into_iter()
                .map(|call| tokio::spawn(async move { drop(run_async(&call).await) }))
                .collect();
            for task in tasks {
                task.await.expect("it returns");
            }
        }),
    }
}

fn sync_all(calls: &[Call]) {
    for call in calls {
        let _ = catch_unwind(AssertUnwindSafe(|| drop(run_sync(call))));
    }
}

/// Takes out what a log cannot know, and puts the nodes in an order that equal peaks cannot
/// change.
fn comparable(report: &memprobe::Report, how: How, is_first: bool) -> Value {
    let mut value = serde_json::to_value(report).expect("JSON");
    let fields = value.as_object_mut().expect("an object");
    for name in ["elapsed_us", "process", "timeline"] {
        fields.remove(name);
    }
    let verdicts = fields["verdicts"].as_object_mut().expect("an object");
    // It is judged by the timeline.
    verdicts.remove("growing");
    let pressure = &mut verdicts["pressure"]["found"];
    clean(pressure, &["max_concurrent_exact"]);
    if matches!(how, How::Threads | How::Tasks) {
        // A product with the most calls at once, which is that of the log's order.
        verdicts.remove("pressure");
    }
    clean(&mut value, &["self_peak", "max_concurrent_exact"]);
    if !is_first {
        clean(&mut value, &["first_call"]);
    }
    if matches!(how, How::Threads | How::Tasks) {
        clean(&mut value, &["steady", "max_concurrent", "pressure", "first_call"]);
    }
    if matches!(how, How::Async | How::Tasks) {
        // A future that runs beside others ends in one segment of its caller and has run in
        // several: what a segment did itself is not in the log. Of whole calls it is.
        for list in ["functions", "tree"] {
            for one in value[list].as_array_mut().expect("a list") {
                without_own_of_segments(one);
            }
        }
    }
    sort(&mut value);
    value
}

fn clean(value: &mut Value, names: &[&str]) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !names.contains(&name.as_str()));
            fields.values_mut().for_each(|field| clean(field, names));
        }
        Value::Array(list) => list.iter_mut().for_each(|one| clean(one, names)),
        _ => {}
    }
}

fn without_own_of_segments(one: &mut Value) {
    clean(&mut one["segments"], &["self_allocated", "self_freed", "self_net"]);
    for child in one["children"].as_array_mut().into_iter().flatten() {
        without_own_of_segments(child);
    }
}

fn sort(value: &mut Value) {
    let key = |one: &Value| {
        ["function", "name", "from", "label"]
            .map(|name| one[name].as_str().unwrap_or("").to_owned())
    };
    match value {
        Value::Object(fields) => fields.values_mut().for_each(sort),
        Value::Array(list) => {
            list.iter_mut().for_each(sort);
            if list.iter().all(Value::is_object) {
                list.sort_by_key(key);
            }
        }
        _ => {}
    }
}

#[test]
fn the_report_of_the_log_is_that_of_the_run() {
    let output = Output::default();
    tracing_subscriber::fmt().json().with_writer(output.clone()).init();
    let folder = tempfile::tempdir().expect("a folder");
    let rounds: u64 = std::env::var("ROUNDS").map_or(6, |rounds| rounds.parse().expect("a number"));
    let mut calls = 0;
    for seed in 0..rounds {
        for how in [How::Sync, How::Async, How::Threads, How::Tasks] {
            memprobe::reset();
            round(seed * 10 + how as u64, how);
            let report = memprobe::report();
            let path = folder.path().join(format!("{seed}-{how:?}.log"));
            std::fs::write(&path, output.take()).expect("a file");
            let model = memprobe_logs::model(&path);
            assert_eq!(model.counts.unreadable, 0, "{:?}", model.unreadable);
            assert_eq!(model.counts.duplicates, 0);
            let [process] = &model.processes[..] else {
                panic!("{how:?}: {} processes", model.processes.len())
            };
            assert!(process.open.is_empty(), "{how:?}: {:?}", process.open);
            let is_first = seed == 0;
            let ours = comparable(&process.builder.report(), how, is_first);
            let theirs = comparable(&report, how, is_first);
            calls += report.functions.iter().map(|it| it.outcomes.calls()).sum::<u64>();
            if ours != theirs {
                std::fs::copy(&path, std::env::temp_dir().join("memprobe-logs-differs.log"))
                    .expect("a copy");
                differs(&theirs, &ours, &format!("{how:?} {seed}"));
            }
        }
    }
    println!("{calls} calls");
    assert!(calls > 5_000, "{calls}");
}

/// Fails at the first difference.
fn differs(run: &Value, log: &Value, path: &str) {
    match (run, log) {
        (Value::Object(run), Value::Object(log)) => {
            for name in run.keys().chain(log.keys()) {
                let none = Value::Null;
                let of = |fields: &serde_json::Map<String, Value>| fields.get(name).cloned();
                let (run, log) = (of(run), of(log));
                let (run, log) = (run.as_ref().unwrap_or(&none), log.as_ref().unwrap_or(&none));
                if run != log {
                    differs(run, log, &format!("{path}.{name}"));
                }
            }
        }
        (Value::Array(run), Value::Array(log)) if run.len() == log.len() => {
            for (at, (run, log)) in run.iter().zip(log).enumerate().filter(|(_, (a, b))| a != b) {
                let name = run["function"].as_str().or(run["name"].as_str()).unwrap_or("");
                differs(run, log, &format!("{path}[{at} {name}]"));
            }
        }
        _ => panic!("{path}: the run has {run}, the log {log}"),
    }
}
