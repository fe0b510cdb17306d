//! References that are read while they are made.

use super::*;
use crate::runtime::sync::atomic::{AtomicU64, Ordering::Relaxed};
use crate::runtime::sync::modelled::{Check, leak, spawn};

fn made(number: u64) -> AtomicU64 {
    let made = AtomicU64::new(0);
    made.store(number, Relaxed);
    made
}

#[test]
fn all_threads_get_the_value_that_was_first_and_see_it_whole() {
    Check::ALL.run(|| {
        let place = leak(StaticRef::none());
        let get = || place.get_or_init(|| made(7));
        let other = spawn(move || {
            let value = get();
            assert_eq!(value.load(Relaxed), 7);
            ptr::from_ref(value) as usize
        });
        let value = get();
        assert_eq!(value.load(Relaxed), 7);
        assert_eq!(other.join().expect("no panic"), ptr::from_ref(value) as usize);
    });
}
