//! Whose segment a probe ends that does not stand in the body of a measured function: that of
//! the innermost call of its thread, wherever the probe is written.

use std::future::{Future, pending};
use std::panic::{catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::{Context, Waker};
use std::thread;

use memprobe::{memprobe, probe};
use memprobe_tests::record::{self, Recorder};

memprobe::global_allocator!();

/// Probes when it is dropped.
struct Probes;

impl Drop for Probes {
    fn drop(&mut self) {
        probe!("dropped");
    }
}

#[memprobe(rate = 0)]
fn runs(closure: impl FnOnce()) {
    closure();
}

#[memprobe(rate = 0)]
fn passes_a_closure() {
    runs(|| probe!("in the closure"));
    probe!("after the closure");
}

#[memprobe(rate = 0)]
fn holds() {
    let _probes = Probes;
}

#[memprobe(rate = 0)]
fn takes(_probes: Probes) {}

#[memprobe(rate = 0)]
fn calls() {
    takes(Probes);
}

#[memprobe(rate = 0)]
fn unwinds() {
    let _probes = Probes;
    resume_unwind(Box::new("on purpose"));
}

#[memprobe(rate = 0)]
async fn never_done() {
    let _probes = Probes;
    pending::<()>().await;
}

#[memprobe(rate = 0)]
async fn loses() {
    let _probes = Probes;
    probe!("started");
    pending::<()>().await;
}

#[memprobe(rate = 0)]
async fn wins() {
    probe!("winning");
}

#[memprobe(rate = 0)]
async fn selects() {
    tokio::select! {
        biased;
        () = loses() => {}
        () = async { probe!("in a branch"); pending::<()>().await } => {}
        () = wins() => probe!("in the arm"),
    }
    probe!("selected");
}

struct Late;

impl Drop for Late {
    fn drop(&mut self) {
        holds();
        probe!("late");
    }
}

thread_local! {
    static LATE: Late = const { Late };
}

/// Each event but the entries: function, where the segment begins, where it ends.
fn seen() -> Vec<(String, String, String)> {
    let short = |path: &str| path.replace("calls_probe_owner::", "");
    let field = |record: &record::Record, name| record.get(name).unwrap_or("-").to_owned();
    record::take()
        .iter()
        .filter(|record| record.get("memprobe") != Some("entry"))
        .map(|event| {
            (short(&field(event, "function")), field(event, "from"), field(event, "label"))
        })
        .collect()
}

#[track_caller]
fn expect(events: &[(&str, &str, &str)]) {
    let text = |&(function, from, label): &(&str, &str, &str)| {
        (function.to_owned(), from.to_owned(), label.to_owned())
    };
    assert_eq!(seen(), events.iter().map(text).collect::<Vec<_>>());
}

#[tokio::test(flavor = "current_thread")]
async fn a_probe_ends_a_segment_of_the_innermost_call() {
    Recorder::install();

    passes_a_closure();
    expect(&[
        ("runs", "entry", "in the closure"),
        ("runs", "in the closure", "return"),
        ("passes_a_closure", "entry", "after the closure"),
        ("passes_a_closure", "after the closure", "return"),
    ]);

    holds();
    expect(&[("holds", "entry", "dropped"), ("holds", "dropped", "return")]);

    // An argument is dropped when its call is over.
    calls();
    expect(&[
        ("takes", "entry", "return"),
        ("calls", "entry", "dropped"),
        ("calls", "dropped", "return"),
    ]);
    takes(Probes);
    expect(&[
        ("takes", "entry", "return"),
        ("<Probes as core::ops::drop::Drop>::drop", "-", "dropped"),
    ]);

    assert!(catch_unwind(unwinds).is_err());
    expect(&[("unwinds", "entry", "dropped"), ("unwinds", "dropped", "panic")]);

    assert!(pin!(never_done()).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    expect(&[("never_done", "entry", "dropped"), ("never_done", "dropped", "cancel")]);

    // A branch of `select!` runs inside the function that selects.
    selects().await;
    expect(&[
        ("loses", "entry", "started"),
        ("selects", "entry", "in a branch"),
        ("wins", "entry", "winning"),
        ("wins", "winning", "return"),
        ("loses", "started", "dropped"),
        ("loses", "dropped", "cancel"),
        ("selects", "in a branch", "in the arm"),
        ("selects", "in the arm", "selected"),
        ("selects", "selected", "return"),
    ]);

    // In a destructor of the thread's own, when most of the thread is gone.
    thread::spawn(|| LATE.with(|_| probe!("early"))).join().expect("no panic");
    expect(&[
        ("a_probe_ends_a_segment_of_the_innermost_call", "-", "early"),
        ("holds", "entry", "dropped"),
        ("holds", "dropped", "return"),
        ("<Late as core::ops::drop::Drop>::drop", "-", "late"),
    ]);
}
