//! A destructor that panics: it does so with the attribute as without, and the call is
//! counted once.

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::{Context, Waker};

use memprobe::memprobe;
use memprobe::report::Outcomes;
use memprobe_tests::function;

memprobe::global_allocator!();

/// Panics when it is dropped, unless the thread panics already.
struct Panics;

impl Drop for Panics {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            resume_unwind(Box::new("in a destructor"));
        }
    }
}

#[memprobe]
fn local() {
    let _panics = Panics;
}

#[memprobe]
fn argument(_panics: Panics) {}

#[memprobe]
async fn async_local() {
    let _panics = Panics;
}

#[memprobe]
async fn cancelled() {
    let _panics = Panics;
    pending::<()>().await;
}

#[memprobe]
fn panics_twice() {
    let _panics = Panics;
    resume_unwind(Box::new("in the body"));
}

fn panicked(call: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(call)).is_err()
}

fn poll(future: impl Future) {
    let _ = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
}

/// Returned, panicked, cancelled.
fn outcomes(name: &str) -> (u64, u64, u64) {
    let function = function(&format!("attribute_panics_in_drop::{name}")).expect(name);
    let Outcomes { returned, panicked, cancelled, .. } = function.outcomes;
    (returned, panicked, cancelled)
}

#[test]
fn a_destructor_that_panics_is_an_end_like_another() {
    assert!(panicked(local));
    assert_eq!(outcomes("local"), (0, 1, 0));

    assert!(panicked(|| argument(Panics)));
    assert_eq!(outcomes("argument"), (1, 0, 0), "dropped when the call is over");

    assert!(panicked(|| poll(async_local())));
    assert_eq!(outcomes("async_local"), (0, 1, 0));

    assert!(panicked(|| poll(cancelled())));
    assert_eq!(outcomes("cancelled"), (0, 1, 0));

    assert!(panicked(panics_twice));
    assert_eq!(outcomes("panics_twice"), (0, 1, 0));

    // The thread measures on.
    assert!(!panicked(measures_on));
    assert_eq!(outcomes("measures_on"), (1, 0, 0));
}

#[memprobe]
fn measures_on() {}
