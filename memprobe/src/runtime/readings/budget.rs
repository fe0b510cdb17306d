//! Keeps expensive work within a share of wall time.

use crate::runtime::sync::atomic::{
    AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

/// Nanoseconds in a second.
const SECOND: u64 = 1_000_000_000;

/// 5 ms, in ns: time that readings of the process may take at once.
pub(crate) const BURST: u64 = SECOND / 200;

/// A share of wall time that some work may take. One thread spends at a time.
///
/// All times are in ns, of a clock that the caller reads.
pub(crate) struct Budget {
    /// The share is one part in this many.
    parts: u64,
    /// Time that may be spent before the share of it has passed.
    burst: u64,
    /// Shortest time between two spends.
    pause: u64,
    /// The end of the turn of the thread that spends; 0 while none does.
    turn: AtomicU64,
    /// The time until which the work so far has used up the share.
    paid_until: AtomicU64,
}

impl Budget {
    /// Longest time that a thread keeps others from spending. In a child that was forked during a
    /// spend, the thread that would end it does not exist.
    const TURN: u64 = SECOND;

    /// Returns a budget of `percent` % of wall time, which must divide 100, without a burst.
    pub const fn of_percent(percent: u64) -> Budget {
        let (turn, paid_until) = (AtomicU64::new(0), AtomicU64::new(0));
        Budget { parts: 100 / percent, burst: 0, pause: 0, turn, paid_until }
    }

    pub const fn with_burst(self, burst: u64) -> Budget {
        Budget { burst, ..self }
    }

    pub const fn with_pause(self, pause: u64) -> Budget {
        Budget { pause, ..self }
    }

    /// Runs `work` if the budget has room at `now`, and books the time that it took by `clock`.
    /// Returns `None` if there is no room, or another thread is spending.
    pub fn spend<T>(
        &self,
        now: u64,
        clock: impl Fn() -> u64,
        work: impl FnOnce() -> T,
    ) -> Option<T> {
        if self.is_spent(now) {
            return None;
        }
        let turn = self.take_turn(now)?;
        // Asked again, because another thread may have booked its work meanwhile.
        let result = (!self.is_spent(now)).then(|| {
            // Measured from here, because the caller's own time since `now` is not part of the
            // work.
            let start = clock();
            let result = work();
            self.book(start, clock().saturating_sub(start));
            result
        });
        // A turn that was too long may have been taken over.
        let _ = self.turn.compare_exchange(turn, 0, Release, Relaxed);
        result
    }

    fn is_spent(&self, now: u64) -> bool {
        self.paid_until.load(Relaxed) > now + self.burst * self.parts
    }

    /// Returns the end of this thread's turn, which stands for the turn; `None` while another
    /// thread has one.
    fn take_turn(&self, now: u64) -> Option<u64> {
        let (before, turn) = (self.turn.load(Relaxed), now + Self::TURN);
        if now < before {
            return None;
        }
        self.turn.compare_exchange(before, turn, Acquire, Relaxed).ok().map(|_| turn)
    }

    fn book(&self, start: u64, cost: u64) {
        let paid =
            |until: u64| Some((until.max(start) + cost * self.parts).max(start + self.pause));
        let _ = self.paid_until.fetch_update(Relaxed, Relaxed, paid);
    }
}

#[cfg(all(test, memprobe_loom))]
mod models;

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    const MS: u64 = 1_000_000;

    /// A clock that only work moves.
    struct Time(Cell<u64>);

    impl Time {
        fn at(now: u64) -> Time {
            Time(Cell::new(now))
        }

        fn pass(&self, time: u64) {
            self.0.set(self.0.get() + time);
        }

        /// Spends `cost`; true if the budget had room.
        fn spend(&self, budget: &Budget, cost: u64) -> bool {
            budget.spend(self.0.get(), || self.0.get(), || self.pass(cost)).is_some()
        }
    }

    #[test]
    fn a_budget_gives_a_burst_and_then_its_share() {
        let budget = Budget::of_percent(5).with_burst(5 * MS);
        let time = Time::at(SECOND);
        let spent = (0..1000).filter(|_| time.spend(&budget, MS)).count();
        assert!((5..=7).contains(&spent), "5 ms and what comes back meanwhile: {spent}");
        let mut spent = 0;
        for _ in 0..10_000 {
            time.pass(MS);
            spent += usize::from(time.spend(&budget, MS));
        }
        // Ten seconds of waiting, and the time spent itself.
        assert!((490..=540).contains(&spent), "5 % of 10 s in parts of 1 ms: {spent}");
    }

    #[test]
    fn all_who_share_a_budget_have_one_share() {
        let budget = Budget::of_percent(5).with_burst(5 * MS);
        let time = Time::at(SECOND);
        let mut spent = [0; 3];
        while time.0.get() < 11 * SECOND {
            for (place, cost) in spent.iter_mut().zip([MS / 20, MS / 2, 3 * MS]) {
                time.pass(MS / 10);
                *place += u64::from(time.spend(&budget, cost)) * cost;
            }
        }
        let all: u64 = spent.iter().sum();
        // The last to spend may do so just before the burst is used up.
        assert!(all <= 10 * SECOND / 20 + 5 * MS + 3 * MS, "5 % of 10 s: {spent:?}");
        assert!(all >= 9 * SECOND / 20, "nothing is lost: {spent:?}");
    }

    #[test]
    fn the_share_is_a_parameter_and_without_a_burst_it_is_kept_from_the_start() {
        let budget = Budget::of_percent(1);
        let time = Time::at(SECOND);
        assert!(time.spend(&budget, MS));
        time.pass(98 * MS);
        assert!(!time.spend(&budget, MS), "1 ms in 99");
        time.pass(MS);
        assert!(time.spend(&budget, MS), "1 ms in 100");
    }

    #[test]
    fn a_pause_is_kept_after_work_that_takes_no_time() {
        let budget = Budget::of_percent(1).with_pause(10 * MS);
        let time = Time::at(SECOND);
        assert!(time.spend(&budget, 0));
        time.pass(10 * MS - 1);
        assert!(!time.spend(&budget, 0));
        time.pass(1);
        assert!(time.spend(&budget, MS));
        time.pass(98 * MS);
        assert!(!time.spend(&budget, 0), "the share is longer than the pause");
    }

    #[test]
    fn one_thread_spends_at_a_time_and_one_that_never_ends_blocks_no_other_for_long() {
        let budget = Budget::of_percent(5).with_burst(5 * MS);
        let time = Time::at(SECOND);
        // Its end is never booked, as in a child that was forked in the middle of it.
        let never_ends = || budget.spend(SECOND, || SECOND, || panic!("it is not there any more"));
        assert!(catch_unwind(AssertUnwindSafe(never_ends)).is_err());
        time.pass(Budget::TURN - 1);
        assert!(!time.spend(&budget, MS), "it might end yet");
        time.pass(1);
        assert!(time.spend(&budget, MS));
        assert!(time.spend(&budget, MS), "and no turn is left behind");
    }

    #[test]
    fn who_is_late_ends_no_turn_of_another_and_both_are_booked() {
        let budget = Budget::of_percent(5).with_burst(5 * MS);
        let time = Time::at(SECOND);
        let clock = || time.0.get();
        let late = budget.spend(clock(), clock, || {
            assert!(!time.spend(&budget, 0), "one at a time");
            time.pass(Budget::TURN);
            assert!(time.spend(&budget, MS), "it has waited long enough");
        });
        assert!(late.is_some());
        time.pass(19 * SECOND);
        assert!(!time.spend(&budget, 0), "a second and a millisecond at 5 %");
        time.pass(SECOND);
        assert!(time.spend(&budget, 0));
    }
}
