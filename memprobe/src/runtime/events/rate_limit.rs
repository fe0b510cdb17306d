//! Limits how often the events of one function or probe are written.

use crate::runtime::readings::shard::{SHARDS, shard};
use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed};
use crate::runtime::sync::static_ref::StaticRef;

/// Nanoseconds in a second.
const SECOND: u64 = 1_000_000_000;

/// A number of events a second, kept as the time between two of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// Nanoseconds from one event to the next; 0 for no limit.
    each: u64,
    /// Nanoseconds whose events may come at once.
    burst: u64,
}

impl Rate {
    /// The rate of functions that set none, and of probes outside any call: the first 20 at once,
    /// and then one a second.
    pub const DEFAULT: Rate = Rate { each: SECOND, burst: 20 * SECOND };

    /// Returns a rate of `rate` events a second, with a burst of two seconds' worth and of at least
    /// one event; no limit if `rate` is 0, negative or NaN.
    pub const fn a_second(rate: f64) -> Rate {
        let each = if rate > 0.0 { (SECOND as f64 / rate) as u64 } else { 0 };
        Rate { each, burst: if each > 2 * SECOND { each } else { 2 * SECOND } }
    }

    pub const fn one_a_second_without_burst() -> Rate {
        Rate { each: SECOND, burst: SECOND }
    }

    /// Returns the slower of two rates.
    pub fn slower(self, other: Rate) -> Rate {
        if self.each >= other.each { self } else { other }
    }
}

/// Admits events at a [`Rate`].
///
/// This is the generic cell rate algorithm, whose state is one word: the time at which the
/// limiter is full again.
pub(crate) struct RateLimiter {
    full_at: AtomicU64,
    skipped: Skipped,
}

impl RateLimiter {
    pub const fn new() -> RateLimiter {
        RateLimiter { full_at: AtomicU64::new(0), skipped: Skipped::new() }
    }

    /// Takes one event at `now`, in ns of the coarse clock. `Some(n)`: admitted, and `n` were
    /// skipped since the last. `None`: skip this one.
    #[inline]
    pub fn take(&self, now: u64, rate: Rate) -> Option<u64> {
        self.take_if(now, rate, || true)
    }

    /// Like [`take`](Self::take), but skips an event also if this limiter has room for it and
    /// `also()` is false.
    #[inline]
    pub fn take_if(&self, now: u64, rate: Rate, also: impl FnOnce() -> bool) -> Option<u64> {
        if self.has_room(now, rate) && also() {
            return Some(self.skipped.take());
        }
        self.skipped.add();
        None
    }

    /// Returns how many events were skipped since the last.
    pub fn take_skipped(&self) -> u64 {
        self.skipped.take()
    }

    /// Takes one event and returns true if it is admitted. Does not count skipped events.
    pub fn has_room(&self, now: u64, rate: Rate) -> bool {
        let take = |full_at: u64| {
            let next = full_at.max(now).saturating_add(rate.each);
            (next <= now.saturating_add(rate.burst)).then_some(next)
        };
        rate.each == 0 || self.full_at.fetch_update(Relaxed, Relaxed, take).is_ok()
    }
}

/// A count of skipped events. It is sharded, because a hot function skips nearly all of its
/// events, on every thread.
struct Skipped {
    counts: StaticRef<[Count; SHARDS]>,
    /// How many of them `take` has returned.
    taken: AtomicU64,
}

/// A count in a cache line of its own, so that threads do not disturb each other.
#[repr(align(64))]
struct Count(AtomicU64);

impl Skipped {
    const fn new() -> Skipped {
        Skipped { counts: StaticRef::none(), taken: AtomicU64::new(0) }
    }

    #[inline]
    fn add(&self) {
        let (shard, counts) = (shard(), self.counts.load(Acquire).unwrap_or_else(|| self.make()));
        let count = &shard.of(counts).0;
        if shard.is_shared() {
            count.fetch_add(1, Relaxed);
        } else {
            count.store(count.load(Relaxed) + 1, Relaxed);
        }
    }

    #[cold]
    fn make(&self) -> &'static [Count; SHARDS] {
        let _ignored = IgnoreAllocs::begin();
        self.counts.get_or_init(|| [const { Count(AtomicU64::new(0)) }; SHARDS])
    }

    /// Returns how many events were skipped since the last call.
    fn take(&self) -> u64 {
        let counts = self.counts.load(Acquire).into_iter().flatten();
        let all = counts.map(|count| count.0.load(Relaxed)).sum();
        all - self.taken.fetch_max(all, Relaxed).min(all)
    }
}

#[cfg(all(test, memprobe_loom))]
mod models;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_a_burst_of_twice_its_rate_and_then_its_rate() {
        let (limiter, rate) = (RateLimiter::new(), Rate::a_second(10.0));
        let taken = (0..100).filter(|_| limiter.take(0, rate).is_some()).count();
        assert_eq!(taken, 20);
        assert_eq!(limiter.take(99_999_999, rate), None);
        assert_eq!(limiter.take(100_000_000, rate), Some(81), "tells what it passed over");
        assert_eq!(limiter.take(100_000_000, rate), None);
        let (limiter, all) = (RateLimiter::new(), Rate::a_second(0.0));
        assert!((0..1000).all(|_| limiter.take(0, all) == Some(0)), "0 is no limit");
    }

    #[test]
    fn a_rate_below_one_gives_one_at_a_time() {
        for (rate, each) in [(0.1, 10 * SECOND), (0.5, 2 * SECOND), (1e-6, 1_000_000 * SECOND)] {
            let (limiter, rate) = (RateLimiter::new(), Rate::a_second(rate));
            let now = 5 * SECOND;
            assert_eq!(limiter.take(now, rate), Some(0));
            assert_eq!(limiter.take(now, rate), None);
            assert_eq!(limiter.take(now + each - 1, rate), None);
            assert_eq!(limiter.take(now + each, rate), Some(2));
            assert_eq!(limiter.take(now + each, rate), None);
        }
        let (limiter, rate) = (RateLimiter::new(), Rate::a_second(1.0));
        let taken = (0..10).filter(|_| limiter.take(0, rate).is_some()).count();
        assert_eq!(taken, 2, "twice the rate from 1 on");
        let (limiter, rate) = (RateLimiter::new(), Rate::DEFAULT);
        let taken = |now| (0..100).filter(|_| limiter.take(now, rate).is_some()).count();
        assert_eq!((taken(0), taken(SECOND), taken(4 * SECOND)), (20, 1, 3), "the default");
        let (limiter, rate) = (RateLimiter::new(), Rate::one_a_second_without_burst());
        let taken = |now| (0..100).filter(|_| limiter.take(now, rate).is_some()).count();
        assert_eq!((taken(0), taken(SECOND - 1), taken(SECOND)), (1, 0, 1));
    }

    #[test]
    fn a_clock_that_jumps_gives_a_burst_and_no_more() {
        let (limiter, rate) = (RateLimiter::new(), Rate::a_second(10.0));
        let burst = |now| (0..100).filter(|_| limiter.take(now, rate).is_some()).count();
        assert_eq!(burst(SECOND), 20);
        assert_eq!(burst(1_000_000 * SECOND), 20, "far ahead");
        assert_eq!(burst(SECOND), 0, "back again, until it is as late as before");
        assert_eq!(burst(1_000_001 * SECOND), 10);
        assert_eq!(burst(u64::MAX / 4), 20, "after thousands of years");
    }

    #[test]
    fn what_another_refuses_counts_as_skipped() {
        for rate in [Rate::DEFAULT, Rate::a_second(0.0)] {
            let limiter = RateLimiter::new();
            assert_eq!(limiter.take_if(0, rate, || false), None);
            assert_eq!(limiter.take_if(0, rate, || true), Some(1));
            assert_eq!(limiter.take_if(0, rate, || true), Some(0));
        }
    }

    #[test]
    fn the_slower_of_two_rates_is_that_with_a_limit() {
        let (none, slow, fast) = (Rate::a_second(0.0), Rate::a_second(0.1), Rate::a_second(10.0));
        assert_eq!(slow.slower(fast).each, slow.each);
        assert_eq!(none.slower(fast).each, fast.each);
        assert_eq!(none.slower(none).each, 0);
    }
}
