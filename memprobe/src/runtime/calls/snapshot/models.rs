//! Calls that other threads look at while they begin and end.

use super::*;
use crate::runtime::calls::pool::models::{empty_pool, position};
use crate::runtime::sync::modelled::{Check, spawn};

/// The figures of a call with this number.
fn begin(record: &'static Record, call: u64) {
    record.begin(position(), None, call);
    record.published.set_held(call as i64);
    record.published.set_peak(call as i64);
    record.frame.mark_dirty();
}

#[test]
fn what_is_seen_of_a_record_is_of_one_call() {
    Check { preemptions: Some(2), atomics: 40 }.run(|| {
        empty_pool();
        let record = pool::refill().expect("a record");
        begin(record, 10);
        let reader = spawn(move || {
            let Some(seen) = Seen::of(record) else { return };
            let of_call = [0, seen.started as i64];
            assert!(of_call.contains(&seen.held), "held {} of {}", seen.held, seen.started);
            assert!(of_call.contains(&seen.peak), "peak {} of {}", seen.peak, seen.started);
            assert!(seen.started != 10 || seen.held == 10, "the first was complete");
        });
        pool::release(record);
        begin(pool::acquire().expect("the same"), 20);
        reader.join().expect("no panic");
    });
}

#[test]
fn a_caller_that_is_followed_was_published_before() {
    Check { preemptions: Some(2), atomics: 40 }.run(|| {
        empty_pool();
        let child = pool::refill().expect("a record");
        let reader = spawn(move || {
            let Some(parent) = child.parent() else { return };
            assert_eq!(parent.started(), 7, "what was written before it was published");
        });
        let parent = pool::acquire().expect("a record");
        parent.begin(position(), None, 7);
        child.begin(position(), Some(parent), 8);
        reader.join().expect("no panic");
    });
}
