//! What is dropped in which order, and on which side of the exit.

// What is passed is to be dropped.
#![allow(clippy::needless_pass_by_value)]

use std::cell::RefCell;
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use memprobe::memprobe;
use memprobe_tests::function;

memprobe::global_allocator!();

const KIB: usize = 1 << 10;

thread_local! {
    static DROPPED: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

/// Holds 64 KiB, and says when it is dropped.
struct Says(&'static str, Vec<u8>);

fn says(name: &'static str) -> Says {
    Says(name, black_box(vec![1; 64 * KIB]))
}

impl Says {
    fn len(&self) -> usize {
        self.1.len()
    }
}

impl Drop for Says {
    fn drop(&mut self) {
        DROPPED.with_borrow_mut(|dropped| dropped.push(self.0));
    }
}

fn run<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}

fn poll_once_and_drop(future: impl Future) {
    assert!(pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

/// What is dropped while `call` runs with five arguments.
fn dropped(call: impl FnOnce(Says, (Says, Says), Says, Says)) -> Vec<&'static str> {
    let [first, left, right, used, unused] = ["_", "_a", "(_)", "used", "_unused"].map(says);
    call(first, (left, right), used, unused);
    DROPPED.take()
}

/// The same function twice, without the attribute and with it.
macro_rules! both {
    ($plain:ident, $measured:ident: $($function:tt)*) => {
        mod $plain {
            use super::*;
            $($function)*
        }
        mod $measured {
            use super::*;
            #[memprobe]
            $($function)*
        }
    };
}

both! { plain, measured:
    pub fn f(_: Says, (_a, _): (Says, Says), used: Says, _unused: Says) -> usize {
        let _first = says("first");
        let _second = says("second");
        used.len() + says("temporary").len()
    }
}

both! { async_plain, async_measured:
    pub async fn f(_: Says, (_a, _): (Says, Says), used: Says, _unused: Says) -> usize {
        let _first = says("first");
        memprobe_tests::yield_now().await;
        let _second = says("second");
        used.len() + says("temporary").len()
    }
}

/// For a plain function nothing changes. What the body of an async one uses is
/// dropped with the body; then come the other arguments, the last one first.
#[test]
fn arguments_are_dropped_in_the_order_that_is_documented() {
    let plain = dropped(|a, b, c, d| assert_eq!(plain::f(a, b, c, d), 128 * KIB));
    let measured = dropped(|a, b, c, d| assert_eq!(measured::f(a, b, c, d), 128 * KIB));
    assert_eq!(measured, plain);

    let plain = dropped(|a, b, c, d| assert_eq!(run(async_plain::f(a, b, c, d)), 128 * KIB));
    let measured = dropped(|a, b, c, d| assert_eq!(run(async_measured::f(a, b, c, d)), 128 * KIB));
    let rest = ["_a", "(_)", "_"];
    assert_eq!(plain, [&["temporary", "second", "first", "_unused", "used"][..], &rest].concat());
    assert_eq!(
        measured,
        [&["temporary", "second", "first", "used", "_unused"][..], &rest].concat()
    );

    let plain = dropped(|a, b, c, d| drop(async_plain::f(a, b, c, d)));
    let measured = dropped(|a, b, c, d| drop(async_measured::f(a, b, c, d)));
    assert_eq!(measured, plain, "never polled: as plain");

    let measured = dropped(|a, b, c, d| poll_once_and_drop(async_measured::f(a, b, c, d)));
    assert_eq!(measured, [&["first", "used", "_unused"][..], &rest].concat(), "cancelled");
}

#[memprobe]
fn temporary_in_the_tail() -> usize {
    says("temporary").len()
}

#[memprobe]
fn temporary_in_the_tail_with_a_hidden_type() -> impl Fn() -> usize {
    let local = says("local");
    let len = local.len() + says("temporary").len();
    move || len
}

#[memprobe]
async fn temporary_in_an_async_tail() -> usize {
    says("temporary").len()
}

#[memprobe]
fn takes(argument: Vec<u8>) -> usize {
    argument.len()
}

#[memprobe]
async fn takes_and_uses(argument: Vec<u8>) -> usize {
    argument.len()
}

#[memprobe]
async fn takes_only(_argument: Vec<u8>) {}

#[memprobe]
fn calls() {
    takes(black_box(vec![1; 64 * KIB]));
}

#[memprobe]
async fn never_done() {
    let _local = says("local");
    std::future::pending::<()>().await;
}

/// What the only call of a function has kept.
fn kept(name: &str) -> i64 {
    let function = function(&format!("attribute_drop_order::{name}")).expect(name);
    assert_eq!(function.outcomes.calls(), 1, "{name}");
    function.figures.expect("jemalloc").net()
}

#[test]
fn the_exit_stands_after_what_the_body_drops() {
    // Its growth would be in the figures.
    DROPPED.with_borrow_mut(|dropped| dropped.reserve(100));
    temporary_in_the_tail();
    assert_eq!(kept("temporary_in_the_tail"), 0);
    temporary_in_the_tail_with_a_hidden_type()();
    assert_eq!(kept("temporary_in_the_tail_with_a_hidden_type"), 0);
    run(temporary_in_an_async_tail());
    assert_eq!(kept("temporary_in_an_async_tail"), 0);
    poll_once_and_drop(never_done());
    assert_eq!(kept("never_done"), 0, "what a cancelled call drops is its own");

    calls();
    assert_eq!(kept("takes"), 0, "an argument is dropped after the exit");
    assert_eq!(kept("calls"), 0, "inside the caller");
    let block = 64_i64 << 10;
    run(takes_and_uses(black_box(vec![1; 64 * KIB])));
    assert_eq!(kept("takes_and_uses"), -block, "an async body drops what it uses");
    run(takes_only(black_box(vec![1; 64 * KIB])));
    assert_eq!(kept("takes_only"), 0, "and nothing else");
}
