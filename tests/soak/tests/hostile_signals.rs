//! A signal handler that allocates and calls annotated functions, at any instruction of memprobe. Such
//! a program breaks the rules of signals; memprobe must not be what breaks it.
//!
//! The handler does not run while its thread is inside the allocator itself, which nothing can
//! survive: it is blocked around the program's own allocations.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use memprobe::{memprobe, probe};

memprobe::global_allocator!();

static HANDLED: AtomicU64 = AtomicU64::new(0);
static DONE: AtomicBool = AtomicBool::new(false);

#[memprobe]
fn in_handler() {
    probe!("handled");
    HANDLED.fetch_add(1, Relaxed);
}

extern "C" fn handle(_signal: libc::c_int) {
    in_handler();
}

#[memprobe]
fn interrupted(n: u64) -> u64 {
    probe!("half");
    n + 1
}

#[test]
fn a_handler_may_call_annotated_functions() {
    // Both are called once before, so that nothing is made in the handler.
    in_handler();
    let mut calls = interrupted(0);
    // SAFETY: installs a handler that does not unwind.
    unsafe {
        let handler = handle as extern "C" fn(libc::c_int);
        libc::signal(libc::SIGUSR1, handler as libc::sighandler_t);
    }
    // SAFETY: returns the id of this thread.
    let target = unsafe { libc::pthread_self() } as usize;
    let sender = thread::spawn(move || {
        let mut sent = 0_u64;
        while !DONE.load(Relaxed) {
            // SAFETY: the thread runs until this one has ended.
            unsafe { libc::pthread_kill(target as libc::pthread_t, libc::SIGUSR1) };
            sent += 1;
            thread::sleep(Duration::from_micros(50));
        }
        sent
    });
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(60) && HANDLED.load(Relaxed) < 5_000 {
        calls = interrupted(calls);
    }
    DONE.store(true, Relaxed);
    let sent = sender.join().expect("no panic");
    assert!(HANDLED.load(Relaxed) > 100, "of {sent} signals");
    let report = memprobe::report();
    let of = |name: &str| report.functions.iter().find(|function| function.name.ends_with(name));
    let interrupted = of("::interrupted").expect("it was called");
    assert_eq!(interrupted.outcomes.returned, calls, "each call is counted once");
    // A handler that interrupts memprobe at work is not measured.
    assert!(of("::in_handler").expect("it was called").outcomes.returned <= HANDLED.load(Relaxed));
    assert!(memprobe::in_flight().is_empty());
}
