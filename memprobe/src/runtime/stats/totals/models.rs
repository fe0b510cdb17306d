//! Totals that are read and reset while a thread adds to them.

use super::*;
use crate::runtime::readings::shard::shard;
use crate::runtime::stats::generation::reset;
use crate::runtime::sync::modelled::{Check, leak, spawn};

fn observation(bytes: u64) -> Observation {
    let bytes = Bytes { allocated: bytes, freed: 0 };
    Observation { bytes, own: bytes, peak: 0, level_or_self_peak: 0, is_call: false }
}

#[test]
fn after_a_reset_nothing_of_before_is_shown() {
    Check { preemptions: Some(3), atomics: 32 }.run(|| {
        let totals = leak(Totals::new());
        totals.add(shard(), observation(7000));
        let reader = spawn(|| {
            reset();
            let sums = totals.sums();
            assert!(sums.count <= 1 && sums.bytes.allocated <= 64, "{sums:?}");
        });
        totals.add(shard(), observation(64));
        reader.join().expect("no panic");
        let sums = totals.sums();
        assert!([(0, 0), (1, 64)].contains(&(sums.count, sums.bytes.allocated)), "{sums:?}");
    });
}

#[test]
fn what_threads_have_added_is_all_there() {
    Check { preemptions: Some(3), atomics: 32 }.run(|| {
        let totals = leak(Totals::new());
        let add = || totals.add(shard(), observation(64));
        let other = spawn(add);
        add();
        other.join().expect("no panic");
        let sums = totals.sums();
        assert_eq!((sums.count, sums.bytes.allocated), (2, 128));
    });
}

#[test]
fn threads_that_share_a_shard_lose_nothing_at_the_first_call_after_a_reset() {
    Check { preemptions: Some(2), atomics: 32 }.run(|| {
        let totals = leak(Totals::new());
        let shard = Shard::shared();
        let add = move || totals.add(shard, observation(64));
        add();
        reset();
        let other = spawn(add);
        add();
        other.join().expect("no panic");
        let sums = totals.sums();
        assert_eq!((sums.count, sums.bytes.allocated), (2, 128));
    });
}
