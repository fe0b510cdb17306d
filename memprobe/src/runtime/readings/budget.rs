//! Keeps expensive readings within a share of wall time.

use std::sync::atomic::{
    AtomicBool, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

/// Nanoseconds in a second.
const SECOND: u64 = 1_000_000_000;

/// A share of wall time that readings may take, with a burst. One thread spends at a time.
pub(crate) struct Budget {
    busy: AtomicBool,
    /// The time, in ns, until which the work so far has used up the share.
    paid_until: AtomicU64,
}

impl Budget {
    /// The share is one part in this many: 5 %.
    const SHARE: u64 = 20;
    /// 5 ms, in ns.
    const BURST: u64 = SECOND / 200;

    pub const fn new() -> Budget {
        Budget { busy: AtomicBool::new(false), paid_until: AtomicU64::new(0) }
    }

    /// Runs `work` if the budget has room at `now`, and books the time that it took by `clock`,
    /// both in ns. Returns `None` if there is no room, or another thread is spending.
    pub fn spend<T>(
        &self,
        now: u64,
        clock: impl Fn() -> u64,
        work: impl FnOnce() -> T,
    ) -> Option<T> {
        let is_spent = || self.paid_until.load(Relaxed) > now + Self::BURST * Self::SHARE;
        if is_spent() || self.busy.swap(true, Acquire) {
            return None;
        }
        // Read again, because another thread may have booked its work meanwhile.
        let paid_until = self.paid_until.load(Relaxed);
        if is_spent() {
            self.busy.store(false, Release);
            return None;
        }
        // Measured from here, because the caller's own time since `now` is not part of the work.
        let start = clock();
        let result = work();
        let cost = clock().saturating_sub(start);
        self.paid_until.store(paid_until.max(start) + cost * Self::SHARE, Relaxed);
        self.busy.store(false, Release);
        Some(result)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

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
