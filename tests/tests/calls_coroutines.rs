//! Calls that begin on one thread and end on another, as they do in coroutines: there may be no
//! figures of them, and the program goes on as it does without memprobe.

use std::hint::black_box;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use corosensei::{Coroutine, CoroutineResult, Yielder};
use memprobe::{memprobe, probe};
use memprobe_tests::{block, function, poll, yield_now};

memprobe::global_allocator!();

/// A coroutine that other threads may resume.
struct Moved(Coroutine<(), (), ()>);

// SAFETY: what runs in them holds nothing that is bound to a thread, but for calls of memprobe,
// which are what is tested.
unsafe impl Send for Moved {}

impl Moved {
    fn new(body: impl FnOnce(&Yielder<(), ()>) + 'static) -> Moved {
        Moved(Coroutine::new(move |yielder, ()| body(yielder)))
    }

    /// Runs on to the next time that it yields; whether it has ended.
    fn resume(&mut self) -> bool {
        matches!(self.0.resume(()), CoroutineResult::Return(()))
    }
}

fn elsewhere<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    thread::spawn(work).join().expect("no panic")
}

/// Ends a coroutine on another thread.
fn ends_elsewhere(mut coroutine: Moved) {
    elsewhere(move || while !coroutine.resume() {});
}

#[memprobe]
fn body(yielder: &Yielder<(), ()>) {
    let held = block(1);
    yielder.suspend(());
    probe!("resumed");
    drop(held);
}

#[memprobe]
fn down(n: usize) -> usize {
    let held = black_box(Box::new(n));
    if n == 0 { 0 } else { 1 + down(*held - 1) }
}

#[memprobe]
fn nested(yielder: &Yielder<(), ()>, depth: usize) {
    yielder.suspend(());
    if depth > 0 {
        nested(yielder, depth - 1);
    }
    yielder.suspend(());
    body(yielder);
}

#[memprobe]
async fn waits(yielder: &Yielder<(), ()>) {
    yielder.suspend(());
    yield_now().await;
    yielder.suspend(());
}

#[memprobe]
fn around(work: impl FnOnce()) {
    let held = block(2);
    work();
    drop(held);
}

fn is_over() -> bool {
    memprobe::in_flight().is_empty()
}

/// Calls, and the bytes that they have allocated, in MiB.
fn totals(name: &str) -> Option<(u64, u64)> {
    let function = function(name)?;
    Some((function.outcomes.calls(), function.figures.expect("jemalloc").allocated >> 20))
}

#[test]
fn calls_that_end_on_another_thread_hang_nothing() {
    // The record that such a call had must not be used again while a chain still holds it.
    let mut coroutine = Moved::new(body);
    coroutine.resume();
    ends_elsewhere(coroutine);
    assert_eq!(down(10), 10);
    assert!(is_over());
    assert_eq!(totals("::body"), None, "no figures of it");
    assert_eq!(totals("::down").map(|(calls, _)| calls), Some(11));

    // Inside a call, whose figures and probes stay its own.
    around(|| {
        let mut coroutine = Moved::new(body);
        coroutine.resume();
        ends_elsewhere(coroutine);
        probe!("ended");
        drop(block(3));
    });
    assert_eq!(totals("::around"), Some((1, 6)), "2, 1 that the coroutine made here, and 3");
    let segments = function("::around").expect("called").segments;
    let labels: Vec<_> = segments.iter().map(|it| it.label).collect();
    assert!(labels.contains(&"ended"), "{labels:?}");

    // The thread on which a call began has ended.
    let mut coroutine = elsewhere(|| {
        let mut coroutine = Moved::new(body);
        coroutine.resume();
        coroutine
    });
    assert!(coroutine.resume());
    assert!(is_over());

    // A poll that ends elsewhere than it began: the call is lost, and the future goes on.
    let mut coroutine = Moved::new(|yielder| {
        let mut future = Box::pin(waits(yielder));
        assert!(!poll(future.as_mut()));
        assert!(poll(future.as_mut()));
    });
    coroutine.resume();
    ends_elsewhere(coroutine);
    assert!(is_over());

    // A measurement.
    let mut coroutine = Moved::new(|yielder| {
        let result = memprobe::measure(|| yielder.suspend(()));
        assert_eq!(result.map(|_| ()), Err(memprobe::Unavailable::OtherThread));
    });
    coroutine.resume();
    ends_elsewhere(coroutine);

    // Carried work.
    around(|| {
        let work = memprobe::carry(|| {
            let mut coroutine = Moved::new(body);
            coroutine.resume();
            ends_elsewhere(coroutine);
        });
        elsewhere(work);
    });
    assert!(is_over());

    raises_no_caller_to_another_thread();
    many_are_passed_around();
    loses_no_records();
}

#[memprobe]
fn carries(yielder: &Yielder<(), ()>) {
    elsewhere(memprobe::carry(|| drop(block(1))));
    yielder.suspend(());
}

#[memprobe]
fn around_carries() {
    let mut coroutine = Moved::new(carries);
    coroutine.resume();
    elsewhere(move || {
        let held = block(500);
        assert!(coroutine.resume());
        drop(held);
    });
    // Here the frame of the lost call is closed.
    idle();
}

/// The call ends where much is held, and what it has carried is still to be counted.
fn raises_no_caller_to_another_thread() {
    around_carries();
    let figures = function("around_carries").and_then(|it| it.figures).expect("jemalloc");
    assert!(figures.peak < 1 << 20, "{figures:?}");
}

/// Threads that hand coroutines to each other after each step, in no order.
fn many_are_passed_around() {
    const THREADS: usize = 4;
    const COROUTINES: usize = 64;
    let (senders, receivers): (Vec<Sender<Moved>>, Vec<Receiver<Moved>>) =
        (0..THREADS).map(|_| channel()).unzip();
    let (end, ended) = channel();
    let workers: Vec<_> = receivers
        .into_iter()
        .enumerate()
        .map(|(index, receiver)| {
            let (senders, end) = (senders.clone(), end.clone());
            thread::spawn(move || {
                let mut random = 7 * index as u64 + 1;
                while let Ok(mut coroutine) = receiver.recv() {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let mut is_over = false;
                    let mut step = || is_over = coroutine.resume();
                    if random >> 63 == 0 {
                        around(step);
                    } else {
                        step();
                    }
                    assert_eq!(down(5), 5);
                    let next = (random >> 33) as usize % THREADS;
                    if is_over {
                        end.send(()).expect("somebody waits");
                    } else {
                        senders[next].send(coroutine).expect("it receives");
                    }
                    if (random >> 50) % 8 == 0 {
                        drop(memprobe::in_flight());
                    }
                }
            })
        })
        .collect();
    for at in 0..COROUTINES {
        let coroutine = Moved::new(move |yielder| {
            for _ in 0..20 {
                nested(yielder, at % 5);
            }
        });
        senders[at % THREADS].send(coroutine).expect("it receives");
    }
    for _ in 0..COROUTINES {
        ended.recv().expect("all end");
    }
    // The workers hold senders to each other and wait for more, until the process ends.
    drop((senders, workers));
    // What they still have open are frames of lost calls.
    assert!(is_over(), "{:?}", memprobe::in_flight());
}

fn rss() -> u64 {
    memprobe::process().rss.expect("Linux")
}

/// A record of each time would be 20 MiB.
fn loses_no_records() {
    let (send, receive) = channel::<Moved>();
    let (done, wait) = channel();
    let ends = thread::spawn(move || {
        while let Ok(mut coroutine) = receive.recv() {
            assert!(coroutine.resume());
            // Dropped here, with its stack.
            done.send(coroutine).expect("somebody waits");
        }
    });
    let round = || {
        let mut coroutine = Moved::new(yields);
        coroutine.resume();
        send.send(coroutine).expect("it receives");
        drop(wait.recv().expect("it ends"));
        idle();
    };
    (0..1000).for_each(|_| round());
    let before = rss();
    (0..50_000).for_each(|_| round());
    let after = rss();
    drop(send);
    ends.join().expect("no panic");
    assert!(after < before + (4 << 20), "{before} -> {after}");
}

#[memprobe]
fn yields(yielder: &Yielder<(), ()>) {
    yielder.suspend(());
}

#[memprobe]
fn idle() {}
