//! How calls end: returned, panicked, cancelled; also where the subscriber misbehaves.

use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};

use memprobe::{memprobe, probe};
use memprobe_tests::function;
use memprobe_tests::listener::Listener;
use memprobe_tests::record::{self, Record};
use tracing::Event;

memprobe::global_allocator!();

const KIB: usize = 1 << 10;

static PANICS: AtomicBool = AtomicBool::new(false);
static CALLS_BACK: AtomicBool = AtomicBool::new(false);
static EVENTS: AtomicUsize = AtomicUsize::new(0);

/// Panics, or calls an annotated function, when it is told to.
fn misbehaves(event: &Event<'_>) {
    EVENTS.fetch_add(1, Relaxed);
    record::keep(event);
    if CALLS_BACK.load(Relaxed) {
        drop(returns());
        probe!("in the subscriber");
    }
    assert!(!PANICS.load(Relaxed), "the subscriber panics");
}

thread_local! {
    static SEEN_AT_START: Cell<usize> = const { Cell::new(0) };
}

#[memprobe(rate = 0)]
fn returns() -> Vec<u8> {
    SEEN_AT_START.set(EVENTS.load(Relaxed));
    vec![1; 32 * KIB]
}

#[memprobe(rate = 0)]
fn panics() {
    let _freed_by_unwinding = std::hint::black_box(vec![1_u8; 32 * KIB]);
    probe!("allocated");
    std::panic::resume_unwind(Box::new("on purpose"));
}

#[memprobe(rate = 0)]
fn catches() {
    assert!(catch_unwind(panics).is_err());
}

/// Calls an annotated function while the program unwinds.
struct CallsInDrop;

impl Drop for CallsInDrop {
    fn drop(&mut self) {
        drop(returns());
    }
}

#[memprobe(rate = 0)]
async fn waits() {
    let _held = std::hint::black_box(vec![1_u8; 32 * KIB]);
    probe!("waiting");
    std::future::pending::<()>().await;
}

#[memprobe(rate = 0)]
async fn panics_later() {
    let mut polled = false;
    std::future::poll_fn(|_| {
        if std::mem::replace(&mut polled, true) { panic_now() } else { Poll::Pending }
    })
    .await;
}

fn panic_now() -> Poll<()> {
    std::panic::resume_unwind(Box::new("on purpose"))
}

fn exits(records: &[Record]) -> Vec<(String, String, String)> {
    let text = |record: &Record, name| record.get(name).unwrap_or_default().to_owned();
    records
        .iter()
        .filter(|record| record.get("memprobe") == Some("exit"))
        .map(|record| (text(record, "function"), text(record, "outcome"), text(record, "label")))
        .collect()
}

fn one(name: &str, outcome: &str, label: &str) -> (String, String, String) {
    (format!("calls_outcomes::{name}"), outcome.to_owned(), label.to_owned())
}

#[test]
fn calls_end_as_they_end() {
    Listener(misbehaves).install();
    let mut context = Context::from_waker(Waker::noop());

    drop(returns());
    assert_eq!(SEEN_AT_START.get(), 1, "the entry is out before the body runs");
    assert_eq!(exits(&record::take()), [one("returns", "returned", "return")]);

    catches();
    let records = record::take();
    let expected = [one("panics", "panicked", "panic"), one("catches", "returned", "return")];
    assert_eq!(exits(&records), expected);
    let panicked = &records[3];
    assert_eq!(panicked.number("call_peak"), 32 << 10);
    assert_eq!(panicked.number("freed"), 32 << 10, "what unwinding drops is the call's");
    assert!(panicked.fields[0].1.contains("panics: panicked after"), "{panicked:?}");

    let unwound = catch_unwind(|| {
        let _calls = CallsInDrop;
        std::panic::resume_unwind(Box::new("on purpose"));
    });
    assert!(unwound.is_err());
    assert_eq!(exits(&record::take()), [one("returns", "returned", "return")], "it did return");

    {
        let mut future = pin!(waits());
        assert!(future.as_mut().poll(&mut context).is_pending());
        assert!(exits(&record::take()).is_empty());
    }
    let records = record::take();
    assert_eq!(exits(&records), [one("waits", "cancelled", "cancel")]);
    assert_eq!(records[0].number("freed"), 32 << 10, "what the drop frees is the call's");
    assert_eq!(records[0].number("call_net"), 0);

    drop(waits());
    assert!(record::take().is_empty(), "never polled: no call, no line");

    {
        let mut future = pin!(panics_later());
        assert!(future.as_mut().poll(&mut context).is_pending());
        let poll = AssertUnwindSafe(|| future.as_mut().poll(&mut context).is_ready());
        assert!(catch_unwind(poll).is_err());
    }
    assert_eq!(exits(&record::take()), [one("panics_later", "panicked", "panic")], "once");

    // A subscriber that panics harms nobody, least of all while the program unwinds, where
    // it would abort.
    PANICS.store(true, Relaxed);
    std::panic::set_hook(Box::new(|_| {}));
    catches();
    assert_eq!(returns().len(), 32 * KIB);
    PANICS.store(false, Relaxed);
    assert_eq!(exits(&record::take()).len(), 3);

    CALLS_BACK.store(true, Relaxed);
    catches();
    CALLS_BACK.store(false, Relaxed);
    assert_eq!(record::take().len(), 5, "an annotated function in the subscriber: no events");

    let of = |name: &str| {
        let outcomes = function(&format!("calls_outcomes::{name}")).expect(name).outcomes;
        (outcomes.returned, outcomes.panicked, outcomes.cancelled)
    };
    assert_eq!(of("returns"), (3, 0, 0), "what the subscriber calls is in no figure");
    assert_eq!(of("panics"), (0, 3, 0));
    assert_eq!(of("catches"), (3, 0, 0));
    assert_eq!(of("waits"), (0, 0, 1));
    assert_eq!(of("panics_later"), (0, 1, 0));
}
