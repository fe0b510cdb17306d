//! How often: events of one place, and refreshes of jemalloc's figures.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Acquire, Ordering::Relaxed};

use crate::slot::{SLOTS, slot};
use crate::static_ref::StaticRef;
use crate::thread::Quiet;

/// Nanoseconds in a second.
const SECOND: u64 = 1_000_000_000;

/// How many events are written a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// Nanoseconds from one to the next; 0 for no limit.
    each: u64,
}

impl Rate {
    /// Of functions that ask for no other, and of probes outside any call.
    pub const DEFAULT: Rate = Rate::a_second(10.0);

    /// 0 is no limit, and so is what is no rate.
    pub const fn a_second(rate: f64) -> Rate {
        Rate { each: if rate > 0.0 { (SECOND as f64 / rate) as u64 } else { 0 } }
    }

    /// The slower of two.
    pub fn slower(self, other: Rate) -> Rate {
        Rate { each: self.each.max(other.each) }
    }
}

/// Which events are written: so many a second, with a burst of twice that and of one at least
/// (the generic cell rate algorithm: one word, the time at which the bucket is full again).
pub(crate) struct Bucket {
    full_at: AtomicU64,
    skipped: Skipped,
}

impl Bucket {
    pub const fn new() -> Bucket {
        Bucket { full_at: AtomicU64::new(0), skipped: Skipped::new() }
    }

    /// Takes one event. Gives how many were passed over before it, or `None` if this one is.
    /// `now` is the time by the coarse clock, in ns.
    #[inline]
    pub fn take(&self, now: u64, rate: Rate) -> Option<u64> {
        self.take_if(now, rate, || true)
    }

    /// The same where another has a say in what this bucket would give.
    #[inline]
    pub fn take_if(&self, now: u64, rate: Rate, also: impl FnOnce() -> bool) -> Option<u64> {
        if self.has_room(now, rate) && also() {
            return Some(self.skipped.take());
        }
        self.skipped.add();
        None
    }

    /// Takes one event without a count of those that are passed over.
    pub fn has_room(&self, now: u64, rate: Rate) -> bool {
        const BURST: u64 = 2 * SECOND;
        let take = |full_at: u64| {
            let next = full_at.max(now) + rate.each;
            (next <= now + BURST.max(rate.each)).then_some(next)
        };
        rate.each == 0 || self.full_at.fetch_update(Relaxed, Relaxed, take).is_ok()
    }
}

/// How many were passed over, by slots: in a hot function it is nearly all, on every thread.
struct Skipped {
    counts: StaticRef<[Count; SLOTS]>,
    /// How many of them were told.
    told: AtomicU64,
}

/// A cache line, so that threads do not disturb each other.
#[repr(align(64))]
struct Count(AtomicU64);

impl Skipped {
    const fn new() -> Skipped {
        Skipped { counts: StaticRef::none(), told: AtomicU64::new(0) }
    }

    #[inline]
    fn add(&self) {
        let (slot, counts) = (slot(), self.counts.load(Acquire).unwrap_or_else(|| self.make()));
        let count = &slot.of(counts).0;
        if slot.is_shared() {
            count.fetch_add(1, Relaxed);
        } else {
            count.store(count.load(Relaxed) + 1, Relaxed);
        }
    }

    #[cold]
    fn make(&self) -> &'static [Count; SLOTS] {
        let _quiet = Quiet::begin();
        self.counts.get_or_make(|| [const { Count(AtomicU64::new(0)) }; SLOTS])
    }

    /// How many there were since this was last asked.
    fn take(&self) -> u64 {
        let counts = self.counts.load(Acquire).into_iter().flatten();
        let all = counts.map(|count| count.0.load(Relaxed)).sum();
        all - self.told.fetch_max(all, Relaxed).min(all)
    }
}

/// A share of wall time that may be spent, with a burst; one spender at a time.
pub(crate) struct Budget {
    busy: AtomicBool,
    /// Until when what was spent has used up the share.
    paid_until: AtomicU64,
}

impl Budget {
    /// One part in so many: 5 %.
    const SHARE: u64 = 20;
    /// 5 ms.
    const BURST: u64 = SECOND / 200;

    pub const fn new() -> Budget {
        Budget { busy: AtomicBool::new(false), paid_until: AtomicU64::new(0) }
    }

    /// Runs `work` if the budget has room for it at `now`, and books what it took by `clock`,
    /// in ns.
    pub fn spend<T>(
        &self,
        now: u64,
        clock: impl Fn() -> u64,
        work: impl FnOnce() -> T,
    ) -> Option<T> {
        let paid_until = self.paid_until.load(Relaxed);
        let spent_up = paid_until > now + Self::BURST * Self::SHARE;
        if spent_up || self.busy.swap(true, Relaxed) {
            return None;
        }
        // Not from `now`: what the caller did since is not the work's.
        let start = clock();
        let result = work();
        let cost = clock().saturating_sub(start);
        self.paid_until.store(paid_until.max(start) + cost * Self::SHARE, Relaxed);
        self.busy.store(false, Relaxed);
        Some(result)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_bucket_gives_a_burst_of_twice_its_rate_and_then_its_rate() {
        let (bucket, rate) = (Bucket::new(), Rate::a_second(10.0));
        let taken = (0..100).filter(|_| bucket.take(0, rate).is_some()).count();
        assert_eq!(taken, 20);
        assert_eq!(bucket.take(99_999_999, rate), None);
        assert_eq!(bucket.take(100_000_000, rate), Some(81), "tells what it passed over");
        assert_eq!(bucket.take(100_000_000, rate), None);
        let (bucket, all) = (Bucket::new(), Rate::a_second(0.0));
        assert!((0..1000).all(|_| bucket.take(0, all) == Some(0)), "0 is no limit");
    }

    #[test]
    fn a_rate_below_one_gives_one_at_a_time() {
        for (rate, each) in [(0.1, 10 * SECOND), (0.5, 2 * SECOND), (1e-6, 1_000_000 * SECOND)] {
            let (bucket, rate) = (Bucket::new(), Rate::a_second(rate));
            let now = 5 * SECOND;
            assert_eq!(bucket.take(now, rate), Some(0));
            assert_eq!(bucket.take(now, rate), None);
            assert_eq!(bucket.take(now + each - 1, rate), None);
            assert_eq!(bucket.take(now + each, rate), Some(2));
            assert_eq!(bucket.take(now + each, rate), None);
        }
        let (bucket, rate) = (Bucket::new(), Rate::a_second(1.0));
        let taken = (0..10).filter(|_| bucket.take(0, rate).is_some()).count();
        assert_eq!(taken, 2, "twice the rate from 1 on");
    }

    #[test]
    fn what_another_refuses_is_told_as_skipped() {
        for rate in [Rate::DEFAULT, Rate::a_second(0.0)] {
            let bucket = Bucket::new();
            assert_eq!(bucket.take_if(0, rate, || false), None);
            assert_eq!(bucket.take_if(0, rate, || true), Some(1));
            assert_eq!(bucket.take_if(0, rate, || true), Some(0));
        }
    }

    #[test]
    fn the_slower_of_two_rates_is_that_with_a_limit() {
        let (none, slow, fast) = (Rate::a_second(0.0), Rate::a_second(0.1), Rate::DEFAULT);
        assert_eq!(slow.slower(fast).each, slow.each);
        assert_eq!(none.slower(fast).each, fast.each);
        assert_eq!(none.slower(none).each, 0);
    }

    #[test]
    fn a_budget_gives_a_burst_and_then_its_share() {
        let budget = Budget::new();
        let now = Cell::new(SECOND);
        let work =
            || budget.spend(now.get(), || now.get(), || now.set(now.get() + 1_000_000)).is_some();
        let spent = (0..1000).filter(|_| work()).count();
        assert!((5..=7).contains(&spent), "5 ms and what comes back meanwhile: {spent}");
        let mut spent = 0;
        for _ in 0..10_000 {
            now.set(now.get() + 1_000_000);
            spent += usize::from(work());
        }
        // Ten seconds of waiting, and the time spent itself.
        assert!((490..=540).contains(&spent), "5 % of 10 s in parts of 1 ms: {spent}");
        let late = SECOND << 20;
        let nested = budget.spend(late, || late, || budget.spend(late, || late, || ()));
        assert_eq!(nested, Some(None), "one at a time");
    }
}
