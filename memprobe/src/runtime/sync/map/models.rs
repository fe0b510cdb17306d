//! A map that is read while threads insert.

use super::*;
use crate::runtime::sync::atomic::{AtomicU64, Ordering::Relaxed};
use crate::runtime::sync::modelled::{Check, leak, spawn};

#[test]
fn a_key_has_one_value_which_is_whole() {
    Check { preemptions: Some(3), atomics: 24 }.run(|| {
        let map = leak(Map::new());
        let made = |number| {
            let made = AtomicU64::new(0);
            made.store(number, Relaxed);
            made
        };
        // One hash for all, so that entries lie below each other.
        let get = move |number| {
            let is = |value: &AtomicU64| value.load(Relaxed) == number;
            map.get_or_init(0, is, || made(number))
        };
        let other = spawn(move || std::ptr::from_ref(get(7)) as usize);
        let seen = map.get(0, |value| value.load(Relaxed) != 7);
        assert!(seen.is_none(), "a value that is not whole");
        get(8);
        let value = std::ptr::from_ref(get(7)) as usize;
        assert_eq!(other.join().expect("no panic"), value);
    });
}
