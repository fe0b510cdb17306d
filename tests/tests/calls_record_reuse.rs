//! However a call ended, the next one on its thread, which gets its record, finds nothing of it.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};

use memprobe::report::Node;
use memprobe::{memprobe, probe};
use memprobe_tests::record::{self, Recorder};
use memprobe_tests::{block, function, poll, yield_now};

memprobe::global_allocator!();

// --- calls that leave much behind ---------------------------------------------------------

#[memprobe(rate = 0)]
fn returns() {
    let held = block(300);
    probe!("first");
    drop(block(500));
    nested(|| drop(block(400)));
    probe!("second");
    drop(held);
}

#[memprobe(rate = 0)]
fn nested(work: fn()) {
    work();
}

/// A nested call frees what the caller has.
#[memprobe(rate = 0)]
fn gives_away() {
    takes(block(300));
}

#[memprobe(rate = 0)]
fn takes(block: Vec<u8>) {
    drop(block);
}

#[memprobe(rate = 0)]
fn panics() {
    let _freed_by_unwinding = block(100);
    let _calls = CallsInDrop;
    probe!("before");
    resume_unwind(Box::new("on purpose"));
}

/// Its calls begin while the thread unwinds.
struct CallsInDrop;

impl Drop for CallsInDrop {
    fn drop(&mut self) {
        returns();
    }
}

fn panics_and_is_caught() {
    assert!(catch_unwind(panics).is_err());
}

#[memprobe(rate = 0)]
async fn waits() {
    let _held = block(200);
    drop(block(600));
    probe!("waiting");
    yield_now().await;
    nested(|| drop(block(400)));
    yield_now().await;
}

fn is_cancelled() {
    let mut future = Box::pin(waits());
    assert!(!poll(future.as_mut()));
    assert!(!poll(future.as_mut()));
}

#[memprobe(rate = 0)]
fn carries() {
    let work = memprobe::carry(|| block(700));
    drop(std::thread::scope(|scope| scope.spawn(work).join().expect("no panic")));
    memprobe::carry(|| drop(block(400)))();
}

fn carries_too_late() {
    #[memprobe(rate = 0)]
    fn gives_work() -> impl FnOnce() {
        memprobe::carry(|| nested(|| drop(block(400))))
    }
    gives_work()();
}

fn is_measured() {
    let ((), usage) = memprobe::measure(returns).expect("jemalloc");
    assert_eq!(usage.net(), 0);
    assert!(!poll(memprobe::measure_future(waits())));
}

/// Their end comes while memprobe itself is at work, and is in no figure.
#[memprobe(rate = 0)]
fn are_dropped_by_the_subscriber() {
    let mut call: Pin<Box<dyn Future<Output = ()>>> = Box::pin(waits());
    let mut work: Pin<Box<dyn Future<Output = ()>>> = Box::pin(memprobe::carry_future(waits()));
    assert!(!poll(call.as_mut()) && !poll(work.as_mut()));
    let dropped = DropsWhenShown(Cell::new(vec![call, work]));
    probe!("shown", dropped = ?dropped);
    assert!(dropped.0.take().is_empty());
}

struct DropsWhenShown(Cell<Vec<Pin<Box<dyn Future<Output = ()>>>>>);

impl fmt::Debug for DropsWhenShown {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.take();
        Ok(())
    }
}

// --- calls whose figures are known --------------------------------------------------------

#[memprobe(rate = 0)]
fn small() {
    let held = block(1);
    probe!("first");
    small_nested();
    probe!("second");
    drop(held);
}

#[memprobe(rate = 0)]
fn small_nested() {
    drop(block(2));
}

#[memprobe(rate = 0)]
async fn small_async() {
    let held = block(1);
    yield_now().await;
    drop(block(2));
    probe!("polled twice");
    yield_now().await;
    drop(held);
}

/// Two of its calls are admitted at once, and none after them for a while.
#[memprobe(rate = 1)]
fn rarely() {
    drop(block(1));
    probe!("rarely");
}

#[memprobe(rate = 0)]
fn breaks() {
    resume_unwind(Box::new("on purpose"));
}

/// What a call shows to others before it has done anything.
#[memprobe(rate = 0)]
fn shows() {
    let calls = memprobe::in_flight();
    let call = calls.iter().find(|call| call.function.ends_with("::shows")).expect("it runs");
    assert_eq!(
        (call.last_label, call.held, call.net, call.peak),
        ("entry", Some(0), Some(0), Some(0))
    );
}

fn runs_known_calls() {
    shows();
    small();
    let mut future = pin!(small_async());
    while !poll(future.as_mut()) {}
    rarely();
    assert!(catch_unwind(AssertUnwindSafe(breaks)).is_err());
}

#[test]
fn the_next_call_finds_nothing() {
    Recorder::install();
    let ends = [
        returns,
        gives_away,
        panics_and_is_caught,
        is_cancelled,
        carries,
        carries_too_late,
        is_measured,
        are_dropped_by_the_subscriber,
    ];
    for end in ends {
        end();
        runs_known_calls();
        // With other records at the head of the free ones.
        nested(end);
        nested(runs_known_calls);
        nested(end);
        runs_known_calls();
    }
    assert!(memprobe::in_flight().is_empty());

    let records = record::take();
    let of = |function: &str, kind: &str| {
        let is_one = |record: &&record::Record| {
            record.get("memprobe") == Some(kind)
                && record.get("function").is_some_and(|name| name.ends_with(function))
        };
        records.iter().filter(is_one).collect::<Vec<_>>()
    };
    let count = 3 * ends.len();
    let figures = |record: &record::Record, fields: [&str; 4]| fields.map(|f| record.number(f));
    let mib = |figures: [i64; 4]| figures.map(|figure| figure << 20);
    let call = ["call_allocated", "call_freed", "call_net", "call_peak"];
    let segment = ["allocated", "net", "held", "peak"];
    for (function, expected, label) in [
        ("::small", [3, 3, 0, 3], "second"),
        ("::small_nested", [2, 2, 0, 2], "return"),
        ("::small_async", [3, 3, 0, 3], "polled twice"),
    ] {
        let exits = of(function, "exit");
        assert_eq!(exits.len(), count, "{function}");
        for exit in exits {
            assert_eq!(figures(exit, call), mib(expected), "{function}");
            assert_eq!(exit.get("call_peak_label"), Some(label), "{function}");
        }
    }
    for probe in of("::small", "probe") {
        let first = probe.get("label") == Some("first");
        let expected = if first { [1, 1, 1, 1] } else { [2, 0, 1, 2] };
        assert_eq!(figures(probe, segment), mib(expected), "{:?}", probe.map());
    }
    for probe in of("::small_async", "probe") {
        assert_eq!(figures(probe, segment), mib([3, 1, 1, 3]));
    }
    let ids = |kind| of("::rarely", kind).iter().map(|r| r.number("call_id")).collect::<Vec<_>>();
    assert_eq!(ids("entry"), ids("exit"), "a call that was not admitted has no events");

    let breaks = function("::breaks").expect("was called");
    assert_eq!(breaks.outcomes.panicked, count as u64);
    memprobe::report().tree.iter().for_each(check_own);
}

/// What each of the known calls had at most itself, and has allocated itself, in MiB.
fn check_own(node: &Node) {
    let expected = match node.function.rsplit("::").next() {
        Some("small") => Some((1, 1)),
        Some("small_nested") => Some((2, 2)),
        Some("small_async") => Some((3, 3)),
        _ => None,
    };
    if let Some((peak, allocated)) = expected {
        let figures = node.figures.expect("jemalloc");
        assert_eq!(figures.self_peak, Some(peak << 20), "{node:?}");
        let allocated = (allocated << 20) * node.outcomes.calls();
        assert_eq!(figures.self_allocated, allocated, "{node:?}");
    }
    node.children.iter().for_each(check_own);
}
