//! How often: events of one place, and refreshes of jemalloc's figures.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Nanoseconds in a second.
const SECOND: u64 = 1_000_000_000;

/// Which events are written: so many a second, with a burst of twice that (the generic cell
/// rate algorithm: one word, the time at which the bucket is full again).
pub(crate) struct Bucket {
    full_at: AtomicU64,
    skipped: AtomicU64,
}

impl Bucket {
    pub const fn new() -> Bucket {
        Bucket { full_at: AtomicU64::new(0), skipped: AtomicU64::new(0) }
    }

    /// Takes one event of `rate` a second (0 for no limit). Gives how many were passed over
    /// before it, or `None` if this one is.
    pub fn take(&self, now: u64, rate: u32) -> Option<u64> {
        if rate == 0 {
            return Some(0);
        }
        let each = SECOND / u64::from(rate);
        let burst = 2 * SECOND;
        let take = |full_at: u64| {
            let next = full_at.max(now) + each;
            (next <= now + burst).then_some(next)
        };
        if self.full_at.fetch_update(Relaxed, Relaxed, take).is_ok() {
            return Some(self.skipped.swap(0, Relaxed));
        }
        self.skipped.fetch_add(1, Relaxed);
        None
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

    /// Runs `work` if the budget has room for it, and books what it took by `clock`, in ns.
    pub fn spend<T>(&self, clock: impl Fn() -> u64, work: impl FnOnce() -> T) -> Option<T> {
        let start = clock();
        let paid_until = self.paid_until.load(Relaxed);
        let spent_up = paid_until > start + Self::BURST * Self::SHARE;
        if spent_up || self.busy.swap(true, Relaxed) {
            return None;
        }
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
        let bucket = Bucket::new();
        let taken = (0..100).filter(|_| bucket.take(0, 10).is_some()).count();
        assert_eq!(taken, 20);
        assert_eq!(bucket.take(99_999_999, 10), None);
        assert_eq!(bucket.take(100_000_000, 10), Some(81), "tells what it passed over");
        assert_eq!(bucket.take(100_000_000, 10), None);
        assert!((0..1000).all(|_| bucket.take(0, 0) == Some(0)), "0 is no limit");
    }

    #[test]
    fn a_budget_gives_a_burst_and_then_its_share() {
        let budget = Budget::new();
        let now = Cell::new(SECOND);
        let work = || budget.spend(|| now.get(), || now.set(now.get() + 1_000_000)).is_some();
        let spent = (0..1000).filter(|_| work()).count();
        assert!((5..=7).contains(&spent), "5 ms and what comes back meanwhile: {spent}");
        let mut spent = 0;
        for _ in 0..10_000 {
            now.set(now.get() + 1_000_000);
            spent += usize::from(work());
        }
        // Ten seconds of waiting, and the time spent itself.
        assert!((490..=540).contains(&spent), "5 % of 10 s in parts of 1 ms: {spent}");
        let nested = budget.spend(|| SECOND << 20, || budget.spend(|| SECOND << 20, || ()));
        assert_eq!(nested, Some(None), "one at a time");
    }
}
