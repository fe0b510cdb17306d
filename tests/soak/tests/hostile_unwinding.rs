//! Unwinding through foreign frames, and the end of threads.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use memprobe::{memprobe, probe};

memprobe::global_allocator!();

fn function(name: &str) -> memprobe::report::Function {
    let report = memprobe::report();
    report.functions.into_iter().find(|f| f.name.ends_with(name)).expect("it was called")
}

extern "C-unwind" fn foreign(depth: u32) {
    within(depth);
}

#[memprobe]
fn within(depth: u32) {
    let _block = std::hint::black_box(vec![1_u8; 4096]);
    probe!("before");
    if depth == 0 {
        resume_unwind(Box::new(()));
    }
    foreign(depth - 1);
}

thread_local! {
    static LATE: RefCell<Option<Late>> = const { RefCell::new(None) };
}

struct Late;

impl Drop for Late {
    fn drop(&mut self) {
        late();
        late();
    }
}

#[memprobe]
fn late() {
    drop(std::hint::black_box(vec![1_u8; 4096]));
    probe!("late");
}

#[test]
fn a_panic_through_foreign_frames_ends_each_call_once() {
    for _ in 0..1000 {
        assert!(catch_unwind(AssertUnwindSafe(|| foreign(7))).is_err());
    }
    let within = function("::within");
    assert_eq!((within.outcomes.panicked, within.outcomes.returned), (8000, 0));
    assert!(within.figures.expect("jemalloc").freed >= 8000 * 4096, "the blocks are freed");
    assert!(memprobe::in_flight().iter().all(|call| !call.function.ends_with("::within")));
}

#[test]
fn calls_from_destructors_of_thread_locals_are_counted() {
    let before = memprobe::report().functions.into_iter().find(|f| f.name.ends_with("::late"));
    let before = before.map_or(0, |function| function.outcomes.returned);
    for _ in 0..200 {
        let thread = std::thread::spawn(|| {
            // In both orders: before memprobe's own thread-locals are made, and after.
            LATE.with_borrow_mut(|late| *late = Some(Late));
            late();
        });
        thread.join().expect("no panic");
    }
    let after = function("::late").outcomes.returned;
    assert!(after - before >= 200 * 3, "{before} {after}");
}
