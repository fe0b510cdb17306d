//! The most calls at once, across a reset.

use super::*;
use crate::runtime::readings::shard::shard;
use crate::runtime::stats::generation;
use crate::runtime::sync::modelled::{Check, leak, spawn};

#[test]
fn after_a_reset_the_most_of_before_is_forgotten() {
    Check { preemptions: Some(2), atomics: 80 }.run(|| {
        let concurrency = leak(Concurrency::new());
        let enter = || concurrency.enter(shard(), 1);
        let leave = || concurrency.leave(shard());
        enter();
        enter();
        leave();
        leave();
        assert_eq!(concurrency.most(), (2, true));
        let reader = spawn(move || {
            generation::reset();
            reset();
            let (most, _) = concurrency.most();
            assert!(most <= 1, "{most}");
        });
        enter();
        leave();
        reader.join().expect("no panic");
        let (most, _) = concurrency.most();
        assert!(most <= 1, "{most}");
    });
}
