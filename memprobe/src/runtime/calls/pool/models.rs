//! Records that go from thread to thread.

use super::*;
use crate::runtime::events::callsite::Callsite;
use crate::runtime::stats::call_tree::{Annotated, Position};
use crate::runtime::stats::site::Site;
use crate::runtime::sync::modelled::{Check, spawn};

/// Forgets the pool of the execution before.
pub(in crate::runtime) fn empty_pool() {
    *lock().expect("no fork") = Pool::new();
}

/// Returns the position at which calls of a function start.
pub(in crate::runtime) fn position() -> &'static Position {
    static CALLSITE: Callsite =
        Callsite::new("memprobe::models", tracing::Level::INFO, ("", 1, ""), &["message"]);
    static FUNCTION: Annotated =
        Annotated::new(Site::new(Some("model"), || "model", None, None, &CALLSITE, &CALLSITE));
    FUNCTION.start(None)
}

/// Takes a record, as a call does that begins.
fn take() -> &'static Record {
    acquire().or_else(refill).expect("a record")
}

#[test]
fn no_two_calls_have_one_record() {
    Check { preemptions: Some(2), atomics: 400 }.run(|| {
        empty_pool();
        let ours = take();
        // A call that ends on another thread leaves its record there, and with the end of the
        // thread in the pool.
        let other = spawn(move || {
            release(ours);
            let theirs = take();
            theirs.begin(position(), None, 1);
            theirs
        });
        let next = take();
        next.begin(position(), None, 2);
        let theirs = other.join().expect("no panic");
        assert!(!std::ptr::eq(next, theirs), "one record for two calls");
        assert_eq!((next.started(), theirs.started()), (2, 1));
        let running = || all().filter(|record| record.position().is_some()).count();
        assert_eq!(running(), 2);
        release(next);
        release(theirs);
        assert_eq!(running(), 0);
    });
}

#[test]
fn records_of_a_page_that_is_used_again_have_new_serials() {
    Check { preemptions: Some(2), atomics: 400 }.run(|| {
        empty_pool();
        let record = take();
        record.begin(position(), None, 1);
        let serial = record.serial();
        let reader = spawn(move || {
            // Who knew the first call must not take a later one for it.
            if record.serial() == serial {
                return record.started() <= 1;
            }
            true
        });
        record.end();
        let (slab, at) = slab_of(record.page()).expect("its slab");
        assert!(give_back(&slab.pages[at..=at], &slab.records[at..=at]));
        slab.pages[at].renew(&slab.records[at], record.page());
        assert_ne!(record.serial(), serial);
        record.begin(position(), None, 2);
        assert!(reader.join().expect("no panic"), "a later call");
    });
}
