//! The annotated functions of the soak, and what each of their calls must come to.

use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use memprobe::{memprobe, probe};

/// Blocks of these sizes take just as many bytes: they are size classes of jemalloc, whatever the
/// size of its pages.
pub const SIZES: [usize; 4] = [4 << 10, 16 << 10, 64 << 10, 1 << 20];

fn block(bytes: usize) -> Vec<u8> {
    black_box(Vec::with_capacity(bytes))
}

/// What the calls of a function have come to.
#[derive(Default)]
pub struct Tally {
    pub returned: AtomicU64,
    pub panicked: AtomicU64,
    pub cancelled: AtomicU64,
    pub allocated: AtomicU64,
    pub freed: AtomicU64,
}

impl Tally {
    const fn new() -> Tally {
        Tally {
            returned: AtomicU64::new(0),
            panicked: AtomicU64::new(0),
            cancelled: AtomicU64::new(0),
            allocated: AtomicU64::new(0),
            freed: AtomicU64::new(0),
        }
    }

    fn add(&self, outcome: &AtomicU64, allocated: usize, freed: usize) {
        outcome.fetch_add(1, Relaxed);
        self.allocated.fetch_add(allocated as u64, Relaxed);
        self.freed.fetch_add(freed as u64, Relaxed);
    }
}

pub static KEEP: Tally = Tally::new();
pub static INNER: Tally = Tally::new();
pub static OUTER: Tally = Tally::new();
pub static TASK: Tally = Tally::new();
pub static WAITS: Tally = Tally::new();
pub static FAILS: Tally = Tally::new();
pub static CARRIES: Tally = Tally::new();

/// All functions, by the end of their paths.
pub static ALL: [(&str, &Tally); 7] = [
    ("::keep", &KEEP),
    ("::inner", &INNER),
    ("::outer", &OUTER),
    ("::task", &TASK),
    ("::waits", &WAITS),
    ("::fails", &FAILS),
    ("::carries", &CARRIES),
];

pub fn forget_tallies() {
    for (_, tally) in ALL {
        for figure in
            [&tally.returned, &tally.panicked, &tally.cancelled, &tally.allocated, &tally.freed]
        {
            figure.store(0, Relaxed);
        }
    }
}

/// Returns what it allocates.
#[memprobe]
fn keep(bytes: usize) -> Vec<u8> {
    block(bytes)
}

pub fn call_keep(bytes: usize) {
    drop(keep(bytes));
    KEEP.add(&KEEP.returned, bytes, 0);
}

#[memprobe]
fn inner(bytes: usize) {
    let block = block(bytes);
    probe!("allocated");
    drop(block);
}

#[memprobe]
fn outer(bytes: usize) {
    let block = block(bytes);
    probe!("first", bytes);
    inner(bytes);
    probe!("second");
    inner(bytes);
    drop(block);
}

pub fn call_outer(bytes: usize) {
    outer(bytes);
    INNER.add(&INNER.returned, bytes, bytes);
    INNER.add(&INNER.returned, bytes, bytes);
    OUTER.add(&OUTER.returned, 3 * bytes, 3 * bytes);
}

/// Holds a block across a point where it may move to another thread.
#[memprobe]
async fn task(bytes: usize) {
    let block = block(bytes);
    tokio::task::yield_now().await;
    probe!("moved");
    drop(block);
}

/// What tokio keeps for a task that yields may be allocated in its poll, so bytes are not counted.
pub async fn call_task(bytes: usize) {
    task(bytes).await;
    TASK.add(&TASK.returned, 0, 0);
}

/// Never ends: it is dropped while it waits.
#[memprobe]
async fn waits(bytes: usize) {
    let block = block(bytes);
    std::future::pending::<()>().await;
    drop(block);
}

pub fn call_waits(bytes: usize) {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut future = Box::pin(waits(bytes));
    assert!(future.as_mut().poll(&mut context).is_pending());
    drop(future);
    WAITS.add(&WAITS.cancelled, bytes, bytes);
}

/// Panics without a message.
#[memprobe]
fn fails(bytes: usize) {
    let _block = block(bytes);
    resume_unwind(Box::new(()));
}

/// The exception itself is allocated in the call, so bytes are not counted.
pub fn call_fails(bytes: usize) {
    assert!(catch_unwind(AssertUnwindSafe(|| fails(bytes))).is_err());
    FAILS.add(&FAILS.panicked, 0, 0);
}

/// Has half of its work done on another thread, by `spawn`.
#[memprobe]
fn carries(bytes: usize, spawn: &dyn Fn(Box<dyn FnOnce() + Send>)) {
    spawn(Box::new(memprobe::carry(move || drop(block(bytes)))));
}

/// How the work gets to the other thread allocates too, so bytes are not counted.
pub fn call_carries(bytes: usize, spawn: &dyn Fn(Box<dyn FnOnce() + Send>)) {
    carries(bytes, spawn);
    CARRIES.add(&CARRIES.returned, 0, 0);
}
