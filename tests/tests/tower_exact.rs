//! The figures of requests are exact: those of the same handler by its attribute, and by hand.

use std::convert::Infallible;
use std::hint::black_box;
use std::pin::pin;
use std::thread;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Request, Response};
use memprobe::memprobe;
use memprobe::report::{Figures, Function};
use memprobe_tests::http::{BLOCK, block, blocks};
use memprobe_tests::{function, yield_now};
use tower::{Layer, Service, ServiceExt, service_fn};

memprobe::global_allocator!();

const REQUESTS: u64 = 200;

/// Of the request with this number: what is kept, and what is freed again. Both are size classes.
fn sizes(n: u64) -> (usize, usize) {
    (1 << (16 + n % 3), 1 << (18 + n % 4))
}

fn bytes(size: usize) -> Vec<u8> {
    black_box(vec![1; size])
}

async fn handle(request: Request<u64>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (kept, freed) = sizes(*request.body());
    let answer = bytes(kept);
    yield_now().await;
    let work = bytes(freed);
    yield_now().await;
    drop(work);
    yield_now().await;
    Ok(Response::new(Full::from(answer)))
}

#[memprobe(name = "by attribute")]
async fn annotated(request: Request<u64>) -> Result<Response<Full<Bytes>>, Infallible> {
    handle(request).await
}

fn figures(name: &str) -> Figures {
    let Function { outcomes, figures, .. } = function(name).expect(name);
    assert_eq!(outcomes.returned, REQUESTS, "{name}");
    figures.expect("jemalloc counts")
}

/// Runs the requests of a service at once, each as a task of its own, and returns the responses.
async fn responses<S, B>(service: S) -> Vec<Response<B>>
where
    S: Service<Request<u64>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    let send = |n| tokio::spawn(service.clone().oneshot(Request::new(n)));
    let tasks: Vec<_> = (0..REQUESTS).map(send).collect();
    let mut responses = Vec::new();
    for task in tasks {
        let Ok(response) = task.await.expect("no panic");
        responses.push(response);
    }
    responses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn by_attribute_and_by_route_they_are_the_same() {
    let by_route = memprobe::tower::layer_named(|_: &Request<u64>| "by route");
    let without_body = memprobe::tower::layer_without_body(|_: &Request<u64>| "without body");
    let annotated = responses(service_fn(annotated)).await;
    let handled = responses(without_body.layer(service_fn(handle))).await;
    let routed = responses(by_route.layer(service_fn(handle))).await;

    let running =
        || memprobe::in_flight().iter().filter(|call| call.function == "by route").count();
    assert_eq!(running(), routed.len(), "until the bodies are freed");
    drop((annotated, handled));
    let mut all = Vec::new();
    for response in routed {
        all.push(response.into_body().collect().await.expect("data").to_bytes());
    }
    // By others than the call, and on a thread of their own.
    thread::spawn(|| drop(all)).join().expect("no panic");
    assert_eq!(running(), 0);

    let sum = |of: fn((usize, usize)) -> usize| (0..REQUESTS).map(|n| of(sizes(n)) as u64).sum();
    let (kept, freed): (u64, u64) = (sum(|(kept, _)| kept), sum(|(_, freed)| freed));
    let figures = ["by attribute", "without body", "by route"].map(figures);
    let both = |figures: &Figures| (figures.allocated, figures.freed, figures.peak);
    assert_eq!(both(&figures[0]), both(&figures[1]));
    // `Full` keeps a vector as it is.
    let peak = (0..REQUESTS).map(sizes).map(|(kept, freed)| kept + freed).max();
    assert_eq!(both(&figures[0]), (kept + freed, freed, peak.expect("some") as u64));
    // What the server frees when it has sent the body is freed in the call.
    assert_eq!(both(&figures[2]), (kept + freed, kept + freed, figures[0].peak));
}

#[memprobe(name = "consume")]
fn consume(data: Bytes) {
    drop(data);
}

#[tokio::test]
async fn a_body_counts_what_its_data_free_and_nothing_of_memprobe() {
    static SHARED: [u8; BLOCK] = [7; BLOCK];
    let handle = |request: Request<&'static str>| async move {
        let body = match *request.body() {
            "static" => Full::new(Bytes::from_static(&SHARED)).boxed(),
            "two blocks" => blocks(2).boxed(),
            _ => Full::new(block()).boxed(),
        };
        Ok::<_, Infallible>(Response::new(body))
    };
    let outer = memprobe::tower::layer_named(|_: &Request<&'static str>| "outer");
    let inner = memprobe::tower::layer_named(|request: &Request<&'static str>| *request.body());
    let service = outer.layer(inner.layer(service_fn(handle)));
    for kind in ["static", "two blocks", "one block"] {
        let response = service.clone().oneshot(Request::new(kind)).await.expect("infallible");
        let mut body = pin!(response.into_body());
        while let Some(frame) = body.frame().await {
            consume(frame.expect("infallible").into_data().expect("data"));
        }
    }

    let figures = |name| function(name).expect(name).figures.expect("jemalloc counts");
    let consumed = figures("consume");
    assert_eq!((consumed.allocated, consumed.freed, consumed.peak), (0, 3 * BLOCK as u64, 0));
    // A boxed body is small.
    for (name, blocks) in [("static", 0), ("two blocks", 2), ("one block", 1), ("outer", 3)] {
        let figures = figures(name);
        let blocks = blocks * BLOCK as u64;
        assert_eq!(figures.net(), 0, "{name}: {figures:?}");
        assert!((blocks..blocks + 512).contains(&figures.allocated), "{name}: {figures:?}");
    }
}
