//! Work elsewhere in orders that are not the usual ones: its bytes and its peak are those of the
//! call that asked for it, and of no other call that happens to be there.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{Barrier, Mutex};
use std::thread;

use memprobe::{InFlight, carry, memprobe, probe};
use memprobe_tests::{block, function, poll, yield_now};

memprobe::global_allocator!();

fn elsewhere<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(work).join().expect("no panic"))
}

/// Peak and allocated bytes of all calls of a function, in MiB.
fn mib(path: &str) -> (u64, u64) {
    let figures = function(path).and_then(|function| function.figures).expect("was called");
    (figures.peak >> 20, figures.allocated >> 20)
}

#[memprobe]
fn idle() {}

/// Runs work of a call that has ended, on its own thread, before work of its own elsewhere.
#[memprobe]
fn bystander(work_of_another: impl FnOnce()) {
    let work = carry(|| drop(block(1)));
    work_of_another();
    idle();
    elsewhere(work);
}

/// Is far below its start when it asks for work.
#[memprobe]
fn frees(block_of_another: Vec<u8>) {
    drop(block_of_another);
    probe!("freed");
    elsewhere(carry(|| drop(block(1))));
}

type Work = Box<dyn FnOnce() + Send>;

/// Holds 3 MiB when its work runs, between two polls.
#[memprobe]
async fn waits(work: &Mutex<Option<Work>>) {
    let held = block(3);
    *work.lock().expect("no panic") = Some(Box::new(carry(|| drop(block(1)))));
    yield_now().await;
    drop(held);
}

/// What the running calls hold themselves, in MiB.
fn held() -> Vec<(&'static str, i64)> {
    let row = |call: &InFlight| {
        (call.function.rsplit("::").next().unwrap_or_default(), call.held.expect("jemalloc") >> 20)
    };
    memprobe::in_flight().iter().map(row).collect()
}

#[memprobe]
fn asks_elsewhere() -> Vec<(&'static str, i64)> {
    let _one = block(1);
    elsewhere(carry(|| {
        let _more = block(16);
        held()
    }))
}

#[memprobe]
fn asks_twice_elsewhere() -> Vec<(&'static str, i64)> {
    let _one = block(1);
    elsewhere(carry(|| {
        let _more = block(16);
        elsewhere(carry(|| {
            let _most = block(4);
            held()
        }))
    }))
}

#[memprobe]
async fn upload(body: Vec<u8>, inside: &'static Barrier) {
    probe!("received");
    let shrink = carry(move || {
        let _small = block(1);
        inside.wait();
        inside.wait();
        body.len()
    });
    thread::spawn(shrink);
    yield_now().await;
    probe!("made");
}

/// Seven uploads that wait for what they have carried to another thread.
fn uploads_are_listed_once() {
    const UPLOADS: usize = 7;
    let inside: &'static Barrier = Box::leak(Box::new(Barrier::new(UPLOADS + 1)));
    let mut uploads: Vec<_> = (0..UPLOADS).map(|_| Box::pin(upload(Vec::new(), inside))).collect();
    for upload in &mut uploads {
        assert!(!poll(upload.as_mut()));
    }
    inside.wait();
    let rows: Vec<_> = memprobe::in_flight()
        .iter()
        .map(|call| (call.last_label, call.held.expect("jemalloc") >> 20))
        .collect();
    assert_eq!(rows, [("received", 0); UPLOADS], "what the threads hold is not seen yet");
    // The calls end first; then the work stands for itself.
    for upload in &mut uploads {
        assert!(poll(upload.as_mut()));
    }
    drop(uploads);
    let after: Vec<_> = memprobe::in_flight().iter().map(|call| call.last_label).collect();
    assert_eq!(after, ["carried"; UPLOADS]);
    inside.wait();
    while !memprobe::in_flight().is_empty() {
        thread::yield_now();
    }
    let text = memprobe::report().to_string();
    let rows = text.split_once("carry_unordered::upload ").expect("a row").1;
    let place = |name: &str| rows.find(name).unwrap_or_else(|| panic!("{name}:\n{text}"));
    assert!(place("carried -> done, part of the above") > place("entry -> received"), "{text}");
}

#[test]
fn work_elsewhere_is_of_the_call_that_asked() {
    let ended = memprobe::scope("ended", || {
        carry(|| {
            let held = block(16);
            drop(memprobe::in_flight());
            drop(held);
        })
    });
    bystander(ended);
    assert_eq!(mib("::bystander"), (1, 1));

    frees(block(8));
    let frees = function("::frees").expect("was called");
    let last = frees.segments.iter().find(|s| s.from == "freed");
    assert_eq!(last.and_then(|last| last.figures).expect("was passed").peak, 1 << 20);

    let work = Mutex::new(None);
    let mut future = Box::pin(waits(&work));
    assert!(!poll(future.as_mut()));
    elsewhere(work.lock().expect("no panic").take().expect("was asked for"));
    let (done, usage) = memprobe::measure(|| poll(future.as_mut())).expect("jemalloc");
    assert!(done);
    assert_eq!((usage.peak, usage.allocated), (1 << 20, 1 << 20), "what was added in this poll");

    assert_eq!(asks_elsewhere(), [("asks_elsewhere", 17)], "one call is one call");
    assert_eq!(asks_twice_elsewhere(), [("asks_twice_elsewhere", 21)], "work of work too");
    uploads_are_listed_once();
    let ended = memprobe::scope("ended", || {
        carry(|| {
            let _held = block(16);
            held()
        })
    });
    let seen = memprobe::scope("bystander", ended);
    assert_eq!(seen, [("ended", 16), ("bystander", 0)]);
}

#[test]
fn carried_work_is_as_unwind_safe_as_plain_work() {
    fn check<T: UnwindSafe + RefUnwindSafe>(work: T) -> T {
        work
    }
    memprobe::scope("carries", || check(carry(|| ()))());
}
