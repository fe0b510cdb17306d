//! Histograms that are read and reset while threads add to them.

use super::*;
use crate::runtime::readings::shard::shard;
use crate::runtime::stats::generation::reset;
use crate::runtime::sync::modelled::{Check, leak, spawn};

#[test]
fn after_a_reset_nothing_of_before_is_shown() {
    // Each bucket of a shard is an atomic, and all are cleared after a reset.
    Check { preemptions: Some(2), atomics: 2 * BUCKETS + 40 }.run(|| {
        let distributions = leak(Distributions::new());
        let add = |bytes| distributions.add(shard(), bytes, bytes);
        add(7000);
        let reader = spawn(|| {
            reset();
            let shards = distributions.shards.iter().filter_map(|counts| counts.load(Acquire));
            for counts in shards.filter(|counts| counts.generation.is_current()) {
                assert_eq!(counts.peaks[bucket(7000)].load(Relaxed), 0, "of before");
                assert!(counts.peaks[bucket(64)].load(Relaxed) <= 1);
            }
        });
        add(64);
        reader.join().expect("no panic");
    });
}

#[test]
fn two_threads_that_carry_first_after_a_reset_are_both_counted() {
    Check::ALL.run(|| {
        let overflow = leak(Overflow(AtomicU64::new(0)));
        overflow.carry(generation());
        reset();
        assert_eq!(overflow.count(), 0);
        let of = generation();
        let other = spawn(move || overflow.carry(of));
        overflow.carry(of);
        other.join().expect("no panic");
        assert_eq!(overflow.count(), 512);
    });
}

#[test]
fn what_is_carried_late_overwrites_nothing_of_a_later_generation() {
    Check::ALL.run(|| {
        let overflow = leak(Overflow(AtomicU64::new(0)));
        let before = generation();
        let late = spawn(move || overflow.carry(before));
        reset();
        overflow.carry(generation());
        late.join().expect("no panic");
        assert_eq!(overflow.count(), 256);
    });
}
