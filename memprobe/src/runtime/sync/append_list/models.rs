//! Lists that are read while threads add to them.

use super::*;
use crate::runtime::sync::atomic::{AtomicU64, Ordering::Relaxed};
use crate::runtime::sync::modelled::{Check, leak, spawn};

fn made(number: u64) -> AtomicU64 {
    let made = AtomicU64::new(0);
    made.store(number, Relaxed);
    made
}

#[test]
fn what_is_in_a_list_is_whole_and_of_equal_values_there_is_one() {
    Check::ALL.run(|| {
        let list = leak(AppendList::new());
        let add = || {
            list.add(made(7), |other: &AtomicU64| other.load(Relaxed) == 7);
        };
        let other = spawn(add);
        let seen: Vec<u64> = list.iter().map(|value| value.load(Relaxed)).collect();
        assert!(seen.is_empty() || seen == [7], "{seen:?}");
        add();
        other.join().expect("no panic");
        assert_eq!(list.iter().count(), 1);
    });
}

#[test]
fn what_threads_push_is_all_there() {
    Check { preemptions: Some(3), atomics: 24 }.run(|| {
        let list = leak(AppendList::new());
        let other = spawn(|| {
            list.push(made(1));
            list.push(made(2));
        });
        let seen = || -> Vec<u64> { list.iter().map(|value| value.load(Relaxed)).collect() };
        let before = seen();
        assert!([1, 2].starts_with(&before), "{before:?}");
        list.push(made(3));
        other.join().expect("no panic");
        let mut all = seen();
        all.sort_unstable();
        assert_eq!(all, [1, 2, 3]);
    });
}
