//! The first and the last moments: of a process without descriptors, of threads that are past
//! their thread-local destructors, of calls that others look at while they end.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use memprobe::{memprobe, probe};
use memprobe_tests::poll;

memprobe::global_allocator!();

static STOP: AtomicBool = AtomicBool::new(false);

#[memprobe]
fn idle() {}

#[memprobe]
fn nested() {
    drop(black_box(Vec::<u8>::with_capacity(1000)));
    probe!("in nested");
}

#[memprobe]
fn outer() {
    nested();
    nested();
    probe!("in outer");
}

/// Calls an annotated function when the thread ends.
struct Late;

impl Drop for Late {
    fn drop(&mut self) {
        idle();
    }
}

thread_local! {
    static LATE: Late = const { Late };
}

fn ends_late() {
    let calls_late = || {
        LATE.with(|_| ());
        idle();
    };
    thread::spawn(calls_late).join().expect("no panic");
}

#[memprobe]
async fn waits() {
    std::future::pending::<()>().await;
}

fn ends_a_call_of_another() {
    let mut future = Box::pin(waits());
    assert!(!poll(future.as_mut()));
    thread::spawn(move || drop(future)).join().expect("no panic");
}

/// A record for each time would be 3 MiB.
fn loses_no_records(work: fn()) {
    let rss = || memprobe::process().rss.expect("Linux");
    (0..1000).for_each(|_| work());
    let before = rss();
    (0..8000).for_each(|_| work());
    let after = rss();
    assert!(after < before + (3 << 19), "{before} -> {after}");
}

/// Runs `work` where no file can be opened.
fn without_descriptors<T>(work: impl FnOnce() -> T) -> T {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: writes one `rlimit`.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) }, 0);
    let none = libc::rlimit { rlim_cur: 0, ..limit };
    // SAFETY: reads one `rlimit`, here and below.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const none) }, 0);
    let result = work();
    // SAFETY: as above.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
    result
}

#[test]
fn at_the_first_and_the_last_moment() {
    assert_eq!(without_descriptors(|| memprobe::process().rss), None);
    assert!(memprobe::process().rss.is_some(), "it is tried for again");

    loses_no_records(ends_late);
    loses_no_records(ends_a_call_of_another);

    let calls = thread::spawn(|| {
        while !STOP.load(Relaxed) {
            outer();
        }
    });
    let labels = ["entry", "in nested", "in outer"];
    for _ in 0..20_000 {
        for call in memprobe::in_flight() {
            assert!(
                labels.contains(&call.last_label),
                "a call that has ended runs no more: {call:?}"
            );
        }
    }
    STOP.store(true, Relaxed);
    calls.join().expect("no panic");
}
