//! One program, measured by an attribute, by that of its impl block, by a span and by a route: the
//! figures are the same, to the byte.

use std::convert::Infallible;
use std::future::Future;
use std::hint::black_box;
use std::task::{Context, Poll, Waker};

use axum::http::{Request, Response};
use memprobe::memprobe;
use memprobe::report::Figures;
use memprobe_tests::{function, yield_now};
use tower_layer::Layer;
use tower_service::Service;
use tracing::{Instrument, info_span};
use tracing_subscriber::prelude::*;

memprobe::global_allocator!();

const SEEDS: [usize; 4] = [100, 1000, 3000, 40_000];

/// What all of them do: it keeps some, and peaks over two polls.
async fn work(seed: usize) -> Vec<Vec<u8>> {
    let mut kept = Vec::with_capacity(8);
    for round in 1..6 {
        kept.push(black_box(vec![1; seed * round]));
        yield_now().await;
        drop(black_box(vec![1_u8; seed * 100 * round]));
        if round == 3 {
            kept.truncate(1);
        }
    }
    kept
}

#[memprobe(name = "by attribute")]
async fn by_attribute(seed: usize) -> Vec<Vec<u8>> {
    work(seed).await
}

struct Program;

#[memprobe]
impl Program {
    async fn by_impl(seed: usize) -> Vec<Vec<u8>> {
        work(seed).await
    }
}

/// A service that allocates nothing itself.
struct ServiceFn<F>(F);

impl<F, R> Service<Request<usize>> for ServiceFn<F>
where
    F: FnMut(Request<usize>) -> R,
    R: Future<Output = Result<Response<String>, Infallible>>,
{
    type Response = Response<String>;
    type Error = Infallible;
    type Future = R;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<usize>) -> R {
        (self.0)(request)
    }
}

async fn handler(request: Request<usize>) -> Result<Response<String>, Infallible> {
    // As if the response held it; its free is in no call either.
    std::mem::forget(work(*request.body()).await);
    Ok(Response::new(String::new()))
}

/// Runs a future to its end, on a thread of its own for each poll.
fn run<T: Send>(future: impl Future<Output = T> + Send) -> T {
    let mut future = Box::pin(future);
    loop {
        let polled = std::thread::scope(|scope| {
            let poll = || future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            scope.spawn(poll).join().expect("no panic")
        });
        if let Poll::Ready(output) = polled {
            return output;
        }
    }
}

fn figures(name: &str) -> (u64, Figures) {
    let function = function(name).unwrap_or_else(|| panic!("no {name}"));
    let mut figures = function.figures.expect("jemalloc");
    // Of the later calls of each thread; here they end on whatever threads.
    figures.steady = None;
    (function.outcomes.calls(), figures)
}

#[test]
fn all_ways_have_the_same_figures() {
    let subscriber = tracing_subscriber::registry().with(memprobe::spans::layer());
    memprobe::spans::ignore(subscriber).init();

    for seed in SEEDS {
        drop(run(by_attribute(seed)));
        drop(run(Program::by_impl(seed)));
        drop(run(work(seed).instrument(info_span!("by_span"))));
    }
    let (calls, by_attribute) = figures("by attribute");
    assert_eq!(calls, 4);
    assert!(by_attribute.net() > 0 && by_attribute.peak > 20_000_000, "{by_attribute:?}");
    assert_eq!(figures("Program::by_impl"), (calls, by_attribute));
    assert_eq!(figures("same_figures::by_span"), (calls, by_attribute));

    let layer = memprobe::tower::layer_named(|_: &Request<usize>| "by route");
    let mut service = layer.layer(ServiceFn(handler));
    for seed in SEEDS {
        drop(run(service.call(Request::new(seed))));
    }
    assert_eq!(figures("by route"), (calls, by_attribute));
}
