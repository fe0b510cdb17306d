//! Spans that are entered, left, cloned and closed in ways that no function is called.

use std::cell::RefCell;
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Once;
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Waker};
use std::thread;

use memprobe::report::Function;
use memprobe::{memprobe, probe};
use memprobe_tests::uncounted::RecorderLayer;
use memprobe_tests::{block, function, poll, record, yield_now};
use tracing::{Instrument, Span, info_span};
use tracing_subscriber::prelude::*;

memprobe::global_allocator!();

const MIB: u64 = 1 << 20;

fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let layer = memprobe::spans::layer().filter(|span| span.target() != "not_ours");
        let subscriber = tracing_subscriber::registry().with(layer).with(RecorderLayer);
        memprobe::spans::ignore(subscriber).init();
    });
}

fn ended(name: &str) -> Function {
    function(name).unwrap_or_else(|| panic!("no {name}"))
}

/// Calls, MiB allocated, net in MiB, and MiB of the peak.
fn figures(name: &str) -> (u64, u64, i64, u64) {
    let function = ended(name);
    let figures = function.figures.expect("jemalloc");
    (function.outcomes.calls(), figures.allocated / MIB, figures.net() >> 20, figures.peak / MIB)
}

#[test]
fn entered_twice_on_one_thread_it_is_one_call() {
    install();
    let span = info_span!("twice");
    let outer = span.enter();
    let kept = block(1);
    {
        let _inner = span.enter();
        drop(block(4));
    }
    drop(block(2));
    drop(outer);
    drop(span);
    assert_eq!(figures("spans_hard::twice"), (1, 7, 1, 5));
    drop(kept);
}

#[test]
fn on_several_threads_at_once_the_parts_add_up() {
    install();
    let span = info_span!("together");
    let entered = span.enter();
    let first = block(1);
    let blocks = thread::scope(|scope| {
        let part = || {
            span.in_scope(|| {
                drop(block(4));
                block(2)
            })
        };
        let threads = [(); 4].map(|()| scope.spawn(part));
        threads.map(|thread| thread.join().expect("no panic"))
    });
    drop(entered);
    drop(span);
    let (calls, allocated, net, peak) = figures("spans_hard::together");
    assert_eq!((calls, allocated, net), (1, 1 + 4 * 6, 1 + 4 * 2));
    assert!((9..=25).contains(&peak), "{peak}");
    let carried = ended("spans_hard::together").carried;
    assert_eq!(carried.iter().map(|segment| segment.count).sum::<u64>(), 4, "{carried:?}");
    drop((first, blocks));
}

#[test]
fn left_out_of_order_each_has_what_was_done_in_it() {
    install();
    let (a, b) = (info_span!("first_in"), info_span!("last_in"));
    let in_a = a.enter();
    drop(block(1));
    let in_b = b.enter();
    drop(block(2));
    drop(in_a);
    // The second span goes on alone.
    drop(block(4));
    drop(in_b);
    drop(block(8));
    drop((a, b));
    assert_eq!(figures("spans_hard::first_in"), (1, 3, 0, 2));
    assert_eq!(figures("spans_hard::last_in"), (1, 6, 0, 4));
}

#[memprobe(name = "deep")]
fn deep(n: usize) {
    if n > 0 {
        deep(n - 1);
    }
}

/// The registry closes it before the layer is told that it is left.
#[test]
fn the_last_exit_may_close_a_span() {
    install();
    thread::spawn(|| {
        let span = info_span!("left_last");
        let id = span.id().expect("enabled");
        std::mem::forget(span.enter());
        drop(span);
        tracing::dispatcher::get_default(|subscriber| subscriber.exit(&id));
        (0..3).for_each(|_| deep(20));
    })
    .join()
    .expect("no panic");
    assert_eq!(figures("spans_hard::left_last").0, 1);
    assert_eq!(figures("deep").0, 3 * 21);
}

async fn wrong(n: u64) {
    let span = info_span!("guarded", n);
    let _entered = span.enter();
    for _ in 0..3 {
        drop(block(1));
        yield_now().await;
    }
}

/// A guard that is held over an `await` is wrong use of spans: what other tasks do meanwhile is in
/// the span. The figures stay sane.
#[test]
fn a_guard_over_an_await_does_no_harm() {
    install();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let tasks = tokio::task::LocalSet::new();
    for n in 0..10 {
        tasks.spawn_local(wrong(n));
    }
    runtime.block_on(tasks);
    let (calls, allocated, net, peak) = figures("spans_hard::guarded");
    assert_eq!((calls, net, peak), (10, 0, 1));
    assert!((30..=300).contains(&allocated), "{allocated}");
    assert!(memprobe::in_flight().iter().all(|call| !call.function.ends_with("guarded")));
}

#[test]
fn it_ends_when_its_last_clone_is_dropped_on_another_thread() {
    install();
    let span = info_span!("cloned");
    let kept = span.in_scope(|| block(3));
    let clone = span.clone();
    drop(span);
    let runs = || memprobe::in_flight().iter().any(|call| call.function.ends_with("cloned"));
    assert!(runs());
    thread::spawn(move || {
        clone.in_scope(|| drop(block(1)));
        drop(clone);
    })
    .join()
    .expect("no panic");
    assert!(!runs());
    assert_eq!(figures("spans_hard::cloned"), (1, 4, 3, 4));
    drop(kept);
}

#[test]
fn a_span_that_is_never_closed_runs() {
    install();
    let span = info_span!("forgotten");
    let kept = span.in_scope(|| block(5));
    std::mem::forget(span);
    let calls = memprobe::in_flight();
    let call = calls.iter().find(|call| call.function.ends_with("forgotten")).expect("it runs");
    assert_eq!(call.net, Some(5 * MIB as i64));
    drop(kept);
}

#[test]
fn a_span_that_is_never_entered_is_no_call() {
    install();
    let cause = info_span!("cause");
    let span = info_span!("idle");
    span.follows_from(&cause);
    span.record("field", 1);
    drop((span, cause));
    assert!(function("spans_hard::idle").is_none());
    assert!(function("spans_hard::cause").is_none());
}

#[memprobe(name = "middle")]
fn middle() {
    drop(block(2));
    probe!("half");
    info_span!("inner").in_scope(|| drop(block(1)));
}

#[test]
fn spans_and_functions_nest_in_each_other() {
    install();
    info_span!("outer").in_scope(middle);
    let tree = memprobe::report().tree;
    let outer = tree.iter().find(|node| node.function.ends_with("::outer")).expect("a root");
    let path: Vec<&str> = std::iter::successors(Some(outer), |node| node.children.first())
        .map(|node| node.function)
        .collect();
    assert_eq!(path, ["spans_hard::outer", "middle", "spans_hard::inner"]);
    let own = |node: &memprobe::report::Node| node.figures.expect("jemalloc").self_allocated / MIB;
    assert_eq!((own(outer), own(&outer.children[0])), (0, 2));

    let records = record::take();
    let entry = |name: &str| {
        let is = |record: &&record::Record| {
            record.get("memprobe") == Some("entry")
                && record.get("function").is_some_and(|function| function.ends_with(name))
        };
        records.iter().find(is).unwrap_or_else(|| panic!("no entry of {name}"))
    };
    let parent = |name: &str| entry(name).number("parent_id");
    assert_eq!(parent("middle"), entry("::outer").number("call_id"));
    assert_eq!(parent("::inner"), entry("middle").number("call_id"));
}

#[test]
fn a_future_that_is_dropped_frees_inside_its_span() {
    install();
    let mut future = Box::pin(
        async {
            let _held = block(6);
            std::future::pending::<()>().await;
        }
        .instrument(info_span!("dropped")),
    );
    assert!(!poll(future.as_mut()));
    drop(future);
    assert_eq!(figures("spans_hard::dropped"), (1, 6, 0, 6));
    let outcomes = ended("spans_hard::dropped").outcomes;
    assert_eq!((outcomes.closed, outcomes.cancelled), (1, 0), "whether it was done is not known");
}

/// Enters its span when it is dropped, as an instrumented future does.
struct Cleanup(Span);
impl Drop for Cleanup {
    fn drop(&mut self) {
        self.0.in_scope(|| drop(block(1)));
    }
}

#[test]
fn a_panic_is_told_and_unwinding_is_not() {
    install();
    let caught = std::panic::catch_unwind(|| {
        info_span!("panics").in_scope(|| {
            let _held = block(1);
            panic!("on purpose");
        })
    });
    assert!(caught.is_err());
    let outcomes = ended("spans_hard::panics").outcomes;
    assert_eq!((outcomes.panicked, outcomes.closed), (1, 0));

    let caught = std::panic::catch_unwind(|| {
        let _cleanup = Cleanup(info_span!("cleanup"));
        panic!("on purpose");
    });
    assert!(caught.is_err());
    let outcomes = ended("spans_hard::cleanup").outcomes;
    assert_eq!((outcomes.panicked, outcomes.closed), (0, 1));
}

thread_local! {
    static LATE: RefCell<Option<Late>> = const { RefCell::new(None) };
}

struct Late(Span);

impl Drop for Late {
    fn drop(&mut self) {
        self.0.in_scope(|| drop(black_box(block(1))));
        info_span!("born_late").in_scope(|| drop(block(1)));
    }
}

#[test]
fn destructors_of_a_thread_may_use_spans() {
    install();
    thread::spawn(|| {
        // Destroyed in the reverse order: what the layer keeps on the thread, this, and then what the
        // registry keeps, without which no span can be entered.
        info_span!(target: "not_ours", "first").in_scope(|| {});
        LATE.with(|late| late.borrow_mut().take());
        let span = info_span!("late");
        span.in_scope(|| drop(block(2)));
        LATE.set(Some(Late(span)));
    })
    .join()
    .expect("no panic");
    let (calls, allocated, net, _) = figures("spans_hard::late");
    assert_eq!((calls, net), (1, 0));
    assert!((2..=3).contains(&allocated), "{allocated}");
}

/// A thread ends with an entered span, which another thread closes.
#[test]
fn a_span_whose_thread_is_gone_can_be_closed() {
    install();
    let (send, receive) = channel();
    thread::spawn(move || {
        let span = info_span!("left_open");
        std::mem::forget(span.clone().entered());
        drop(block(1));
        send.send(span).expect("somebody waits");
    })
    .join()
    .expect("no panic");
    let span: Span = receive.recv().expect("a span");
    span.in_scope(|| drop(block(1)));
    drop(span);
    info_span!("afterwards").in_scope(|| drop(block(1)));
    assert_eq!(figures("spans_hard::afterwards"), (1, 1, 0, 1));
}

/// Enters its span for one poll and has another future polled inside, on whatever thread.
struct Moved<F>(Span, Pin<Box<F>>);

impl<F: Future> Future for Moved<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        let _entered = this.0.enter();
        this.1.as_mut().poll(context)
    }
}

#[test]
fn a_recursion_of_one_span_on_two_threads_ends() {
    install();
    let span = info_span!("recursive");
    let inner = Moved(span.clone(), Box::pin(async { drop(block(1)) }));
    let mut outer = Box::pin(Moved(span.clone(), Box::pin(inner)));
    thread::scope(|scope| {
        let _entered = span.enter();
        scope.spawn(|| {
            assert!(outer.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
        });
    });
    drop((outer, span));
    let (calls, allocated, net, _) = figures("spans_hard::recursive");
    assert_eq!((calls, allocated, net), (1, 1, 0));
}
