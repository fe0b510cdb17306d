//! A limiter that threads share.

use super::*;
use crate::runtime::sync::modelled::{Check, leak, spawn};

#[test]
fn no_more_than_the_burst_is_admitted_and_each_skipped_event_is_told_once() {
    Check { preemptions: Some(2), atomics: 32 }.run(|| {
        let limiter = leak(RateLimiter::new());
        // Two at once.
        let rate = Rate::a_second(1.0);
        let take = move || {
            let taken = [limiter.take(0, rate), limiter.take(0, rate)];
            let admitted = taken.iter().flatten().count() as u64;
            (admitted, taken.iter().flatten().sum::<u64>())
        };
        let other = spawn(take);
        let ours = take();
        let theirs = other.join().expect("no panic");
        assert_eq!(ours.0 + theirs.0, 2, "admitted");
        assert_eq!(ours.1 + theirs.1 + limiter.skipped.take(), 2, "skipped");
    });
}
