//! Recursion of any depth, each call with its own figures.

use std::future::Future;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::thread;

use memprobe::{memprobe, probe};

memprobe::global_allocator!();

const DEPTH: u64 = 20_000;
const STACK: usize = 1 << 30;
const BLOCK: u64 = 64 << 10;

/// Each call holds a block while it calls itself once more, for the last few levels.
#[memprobe]
fn sync(n: u64) -> u64 {
    let held = (n < 10).then(|| black_box(vec![1_u8; BLOCK as usize]));
    if n == 0 {
        probe!("bottom");
        return 0;
    }
    let depth = sync(n - 1) + 1;
    drop(held);
    depth
}

#[memprobe]
async fn boxed_inside(n: u64) -> u64 {
    if n == 0 { 0 } else { Box::pin(boxed_inside(n - 1)).await + 1 }
}

#[memprobe]
fn boxed(n: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move { if n == 0 { 0 } else { boxed(n - 1).await + 1 } })
}

fn run<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("nothing here waits"),
    }
}

#[test]
fn recursion_of_any_depth() {
    let work = || {
        assert_eq!(sync(DEPTH), DEPTH);
        assert_eq!(run(boxed_inside(DEPTH)), DEPTH);
        assert_eq!(run(boxed(DEPTH)), DEPTH);
    };
    thread::Builder::new().stack_size(STACK).spawn(work).expect("a stack").join().expect("depth");

    let report = memprobe::report();
    for function in &report.functions {
        assert_eq!(function.outcomes.returned, DEPTH + 1, "{}", function.name);
    }
    assert_eq!(report.functions.len(), 3);
    let sync = report.functions.iter().find(|function| function.name == "calls_recursion::sync");
    let figures = sync.and_then(|sync| sync.figures).expect("jemalloc");
    assert_eq!(figures.peak, 10 * BLOCK);
    assert_eq!(figures.self_allocated, 10 * BLOCK, "each block in one call");
    assert_eq!(figures.net(), 0);
}
