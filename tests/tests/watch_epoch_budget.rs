//! jemalloc's epoch has one budget: events and a watch that samples refresh it together for at most
//! 5 % of the time.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use memprobe::{Limit, Watch, memprobe};
use memprobe_tests::listener::Listener;
use tikv_jemalloc_ctl::epoch;

memprobe::global_allocator!();

/// The time of this program, in ms. It passes only where a clock is read, so that the test does
/// not depend on how fast the machine is. It begins a century after the machine was started: the
/// kernel, which has its own time, would end a wait at once whose end is in the past.
static NOW: AtomicU64 = AtomicU64::new(100 * 365 * 24 * 3600 * 1000);

/// Stands in place of libc's.
#[unsafe(no_mangle)]
extern "C" fn clock_gettime(clock: libc::clockid_t, time: &mut libc::timespec) -> libc::c_int {
    let is_coarse = clock == libc::CLOCK_MONOTONIC_COARSE;
    let now = NOW.fetch_add(u64::from(!is_coarse), Relaxed) as i64;
    *time = libc::timespec { tv_sec: now / 1000, tv_nsec: now % 1000 * 1_000_000 };
    0
}

/// Has two events, each of which has jemalloc's figures if the budget has room.
#[memprobe(rate = 0)]
fn works() {}

/// How often the epoch was refreshed, and the time.
fn now() -> (u64, u64) {
    (epoch::read().expect("jemalloc"), NOW.load(Relaxed))
}

#[test]
fn events_and_the_watch_share_one_budget() {
    Listener(|_: &tracing::Event<'_>| {}).install();
    let watch = Watch::new().limit(Limit::from_bytes(1 << 40));
    watch.sample_every(Duration::from_millis(1)).install().expect("the only watch");
    works();
    let (before, start) = now();
    for _ in 0..1000 {
        works();
        // The watch samples meanwhile.
        thread::sleep(Duration::from_millis(1));
    }
    let (after, end) = now();
    // The budget reads the clock before and after a refresh, which so takes 1 ms or more.
    let (spent, elapsed) = (after - before, end - start);
    // There is a burst of 5 ms, and who spends last may use more than is left of it.
    assert!(spent <= elapsed / 20 + 10, "{spent} ms or more of {elapsed}");
    assert!(spent > 10, "it comes back: {spent} refreshes in {elapsed} ms");
}
