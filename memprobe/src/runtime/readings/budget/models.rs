//! A budget that threads share.

use std::cell::Cell;

use super::*;
use crate::runtime::sync::modelled::{Check, leak, spawn};

#[test]
fn the_work_of_all_threads_is_booked() {
    const COST: u64 = 1000;
    Check::ALL.run(|| {
        let budget = leak(Budget::of_percent(5).with_burst(BURST));
        let is_at_work = leak(AtomicU64::new(0));
        let run = || {
            let time = Cell::new(SECOND);
            let work = || {
                assert_eq!(is_at_work.load(Relaxed), 0, "two at once");
                is_at_work.store(1, Relaxed);
                time.set(SECOND + COST);
                is_at_work.store(0, Relaxed);
            };
            u64::from(budget.spend(SECOND, || time.get(), work).is_some())
        };
        let other = spawn(run);
        let spent = run() + other.join().expect("no panic");
        assert!(spent >= 1, "one of them has its turn");
        assert_eq!(budget.paid_until.load(Relaxed), SECOND + spent * COST * budget.parts);
        assert_eq!(budget.turn.load(Relaxed), 0, "no turn is left behind");
    });
}
