//! `in_flight()` lists the calls that run now, on any thread and between polls, and what
//! each of them holds itself.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Barrier;
use std::sync::mpsc::channel;
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use memprobe::{InFlight, memprobe, probe};
use memprobe_tests::yield_now;

memprobe::global_allocator!();

const MIB: usize = 1 << 20;

#[memprobe]
fn outer(barrier: &Barrier) {
    let held = black_box(vec![1_u8; 3 * MIB]);
    probe!("first");
    inner(barrier);
    drop(held);
}

#[memprobe]
fn inner(barrier: &Barrier) {
    let _held = black_box(vec![1_u8; 2 * MIB]);
    probe!("second");
    barrier.wait();
    barrier.wait();
}

#[memprobe]
async fn waits(mib: usize) {
    let held = black_box(vec![1_u8; mib * MIB]);
    probe!("allocated");
    nested().await;
    drop(held);
    yield_now().await;
}

#[memprobe]
async fn nested() {
    let _held = black_box(vec![1_u8; MIB]);
    yield_now().await;
}

#[memprobe]
async fn idle() {
    yield_now().await;
}

/// Function, label, own net and net in MiB.
fn rows(calls: &[InFlight]) -> Vec<(&str, &str, i64, i64)> {
    let mib = |bytes: Option<i64>| bytes.expect("jemalloc") >> 20;
    let short = |path: &'static str| path.rsplit("::").next().unwrap_or(path);
    calls
        .iter()
        .map(|call| (short(call.function), call.last_label, mib(call.held), mib(call.net)))
        .collect()
}

#[test]
fn calls_that_run_are_listed() {
    assert!(memprobe::in_flight().is_empty());

    // Another thread, in two nested calls.
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        let worker = scope.spawn(|| outer(&barrier));
        barrier.wait();
        thread::sleep(Duration::from_millis(20));
        let calls = memprobe::in_flight();
        assert_eq!(rows(&calls), [("outer", "first", 3, 3), ("inner", "second", 2, 2)]);
        assert!(calls.iter().all(|call| call.age >= Duration::from_millis(10)), "{calls:?}");
        assert!(calls.iter().all(|call| call.age < Duration::from_secs(60)), "{calls:?}");
        assert!(calls[0].peak >= Some(3 << 20), "{calls:?}");
        barrier.wait();
        worker.join().expect("no panic");
    });
    assert!(memprobe::in_flight().is_empty(), "they have ended");

    // Between polls, while no thread runs them.
    let mut context = Context::from_waker(Waker::noop());
    {
        let (mut four, mut five) = (pin!(waits(4)), pin!(waits(5)));
        assert!(four.as_mut().poll(&mut context).is_pending());
        assert!(five.as_mut().poll(&mut context).is_pending());
        let all = memprobe::in_flight();
        assert_eq!(
            rows(&all),
            [
                ("waits", "allocated", 5, 6),
                ("waits", "allocated", 4, 5),
                ("nested", "entry", 1, 1),
                ("nested", "entry", 1, 1),
            ]
        );
        assert!(four.as_mut().poll(&mut context).is_pending());
        assert_eq!(rows(&memprobe::in_flight())[0], ("waits", "allocated", 5, 6));
        assert!(four.as_mut().poll(&mut context).is_ready());
        assert_eq!(memprobe::in_flight().len(), 2);
    }
    assert!(memprobe::in_flight().is_empty(), "dropped futures run no more");

    // The asking thread's own calls are as of now, without a point.
    memprobe::scope("asks", || {
        let block = black_box(vec![1_u8; 7 * MIB]);
        assert_eq!(rows(&memprobe::in_flight()), [("asks", "entry", 7, 7)]);
        drop(block);
        assert_eq!(rows(&memprobe::in_flight()), [("asks", "entry", 0, 0)]);
    });
    records_are_used_again();
}

/// Calls that begin on one thread and end on another do not pile records up on either.
fn records_are_used_again() {
    let (send, receive) = channel();
    let ends = thread::spawn(move || {
        while let Ok(future) = receive.recv() {
            drop::<std::pin::Pin<Box<dyn Future<Output = ()> + Send>>>(future);
        }
    });
    let mut context = Context::from_waker(Waker::noop());
    let before = memprobe::process().rss.expect("Linux");
    for round in 0..40_000 {
        let mut future: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(idle());
        assert!(future.as_mut().poll(&mut context).is_pending());
        send.send(future).expect("a thread that receives");
        if round % 100 == 0 {
            while memprobe::in_flight().len() > 50 {
                thread::yield_now();
            }
        }
    }
    drop(send);
    ends.join().expect("no panic");
    assert!(memprobe::in_flight().is_empty());
    let after = memprobe::process().rss.expect("Linux");
    // A record for each call would be 17 MiB.
    assert!(after < before + (4 << 20), "{before} -> {after}");
}
