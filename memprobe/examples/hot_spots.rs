//! A program with hot spots to find: a function that leaks, one that churns, one that holds
//! much for a moment, one that hands its result to a caller who drops it (which is no leak),
//! and a crowd of small calls at once.
//!
//! ```sh
//! cargo run --release -p memprobe --example hot_spots
//! MEMPROBE_REPORT=hot_spots.html cargo run --release -p memprobe --example hot_spots --features html
//! ```

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use memprobe::{memprobe, probe};

memprobe::global_allocator!();

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Requests, one after the other.
const REQUESTS: usize = 50;
/// Visitors, all at once.
const VISITORS: usize = 100;

/// What nobody ever takes out again.
static SEEN: Mutex<Vec<Box<[u8]>>> = Mutex::new(Vec::new());

/// Hands 1 MiB to its caller.
#[memprobe]
fn fetch() -> Vec<u8> {
    vec![1; MIB]
}

/// Needs 1 MiB and allocates 32.
#[memprobe]
fn parse(page: &[u8]) {
    for _ in 0..32 {
        black_box(page.to_vec());
    }
}

/// Holds 24 MiB for a moment.
#[memprobe]
fn resize(page: &[u8]) {
    let decoded = black_box(vec![page[0]; 16 * MIB]);
    probe!("decoded");
    let resized = black_box(vec![page[0]; 8 * MIB]);
    probe!("resized");
    drop((decoded, resized));
}

/// Keeps 64 KiB of each page.
#[memprobe]
fn remember(page: &[u8]) {
    let start = page[..64 * KIB].into();
    SEEN.lock().unwrap_or_else(PoisonError::into_inner).push(start);
}

#[memprobe]
fn handle() {
    let page = fetch();
    probe!("fetched");
    parse(&page);
    probe!("parsed");
    resize(&page);
    probe!("resized");
    remember(&page);
}

/// Holds 1 MiB while it waits.
#[memprobe]
async fn visit() {
    let ticket = black_box(vec![1_u8; MIB]);
    wait().await;
    drop(ticket);
}

/// Ready when it is polled again.
async fn wait() {
    let mut is_ready = false;
    std::future::poll_fn(|_| {
        if std::mem::replace(&mut is_ready, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

fn main() {
    let _report = memprobe::report_on_exit();
    SEEN.lock().unwrap_or_else(PoisonError::into_inner).reserve(REQUESTS);
    for _ in 0..REQUESTS {
        handle();
    }
    // Its caller, `main`, has no attribute, and drops it all the same.
    for _ in 0..REQUESTS {
        drop(black_box(fetch()));
    }
    let mut crowd: Vec<Pin<Box<dyn Future<Output = ()>>>> = Vec::new();
    crowd.resize_with(VISITORS, || Box::pin(visit()));
    let mut context = Context::from_waker(Waker::noop());
    while !crowd.is_empty() {
        crowd.retain_mut(|visit| visit.as_mut().poll(&mut context).is_pending());
    }
}
