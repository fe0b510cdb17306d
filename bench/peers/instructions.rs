//! Runs one case for callgrind to count: `instructions CASE`. What is counted is `counted`.

use std::future::Future;
use std::hint::black_box;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::task::{Context, Waker};

use memprobe::{memprobe, probe};
use memprobe_bench::harness::{calls, polls};
use memprobe_bench::instructions::CALLS;
use memprobe_bench::workloads;
use tracing::{Event, Metadata, Subscriber, span};

memprobe::global_allocator!();

workloads!(plain);
workloads!(with, #[memprobe::memprobe(rate = 1)]);

#[memprobe(rate = 1)]
#[inline(never)]
fn probed(n: u64) -> u64 {
    probe!("middle");
    black_box(n)
}

#[memprobe(rate = 1)]
#[inline(never)]
fn down(n: u64) -> u64 {
    if n == 0 { 0 } else { 1 + down(black_box(n - 1)) }
}

/// So many futures, polled in turn until they are done.
fn at_once(calls: u64) {
    let mut context = Context::from_waker(Waker::noop());
    let mut futures: Vec<_> = (0..calls).map(|n| Box::pin(with::yields(n))).collect();
    for _ in 0..2 {
        for future in &mut futures {
            let _ = black_box(future.as_mut().poll(&mut context));
        }
    }
}

fn main() {
    let case = std::env::args().nth(1).unwrap_or_default();
    let (listened_to, case) = match case.strip_prefix("not admitted: ") {
        Some(case) => (true, case),
        None => (false, case.as_str()),
    };
    if listened_to {
        tracing::subscriber::set_global_default(Wants).expect("the only subscriber");
    }
    match case {
        "plain" => count(calls(plain::empty)),
        "empty" => count(calls(with::empty)),
        "malloc + free, plain" => count(calls(plain::allocates)),
        "malloc + free" => count(calls(with::allocates)),
        "a probe inside" => count(calls(probed)),
        "ready" => count(polls(with::ready)),
        "one yield" => count(polls(with::yields)),
        // Whatever grows with the number of calls shows here.
        "all at once" => count(at_once),
        "all in each other" => count(|calls| {
            down(calls);
        }),
        unknown => panic!("no case {unknown:?}"),
    }
}

fn count(f: impl Fn(u64)) {
    // What is done once, and what the rate lets through at once.
    f(100);
    counted(&f);
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "Rust" fn counted(f: &dyn Fn(u64)) {
    f(CALLS);
}

/// The clock of this program, in place of libc's: it moves by 100 ns with each reading, and the
/// coarse one every 4 ms, as the kernel's does.
///
/// Under valgrind a case takes some 100 ms, and more on a busy machine, so that work which is
/// due every few milliseconds (a sample of the timeline, jemalloc's decay) was counted in one run
/// and not in the next: 5 % of a call. By this clock all calls are over before any of it is due.
#[unsafe(no_mangle)]
extern "C" fn clock_gettime(clock: libc::clockid_t, time: &mut libc::timespec) -> libc::c_int {
    static READINGS: AtomicI64 = AtomicI64::new(0);
    let now = 100 * READINGS.fetch_add(1, Relaxed);
    let is_coarse = clock == libc::CLOCK_MONOTONIC_COARSE;
    let now = if is_coarse { now & -(1 << 22) } else { now };
    // Long after the start of the machine: 0 stands for "never" in more than one place.
    *time = libc::timespec { tv_sec: 1000, tv_nsec: now };
    0
}

/// Wants every event and does nothing with it.
struct Wants;

impl Subscriber for Wants {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}
