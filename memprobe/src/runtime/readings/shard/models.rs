//! Shards that go from thread to thread.

use super::*;
use crate::runtime::sync::atomic::AtomicU64;
use crate::runtime::sync::modelled::{Check, leak, spawn};

/// Counts in the shard of this thread, as a counter of its own.
fn count(counts: &[AtomicU64; SHARDS]) {
    let count = shard().of(counts);
    count.store(count.load(Relaxed) + 1, Relaxed);
}

#[test]
fn a_thread_that_takes_the_shard_of_another_counts_on_where_that_stopped() {
    Check { preemptions: Some(2), atomics: 32 }.run(|| {
        let counts = leak([const { AtomicU64::new(0) }; SHARDS]);
        let threads = [0; 2].map(|_| spawn(|| count(counts)));
        for thread in threads {
            thread.join().expect("no panic");
        }
        let sum: u64 = counts.iter().map(|count| count.load(Relaxed)).sum();
        assert_eq!(sum, 2);
        assert!(in_use() <= 2);
    });
}
