//! A service, its futures and its bodies have the auto traits that they have without the layer.

use std::convert::Infallible;
use std::future::ready;
use std::panic::{RefUnwindSafe, UnwindSafe};

use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body, Bytes};
use hyper::{Request, Response};
use memprobe_tests::poll;
use tower::{Layer, Service, service_fn};

fn check<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + 'static>(value: T) -> T {
    value
}

fn sendable<T: Send + Sync + Unpin + 'static>(value: T) -> T {
    value
}

#[tokio::test]
async fn nothing_is_taken_from_a_service() {
    let handler = service_fn(|_: Request<()>| {
        ready(Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"body")))))
    });
    let mut service = check(memprobe::tower::layer().layer(handler)).clone();
    // A response itself is not unwind-safe.
    let future = sendable(service.call(Request::new(())));
    let response = future.await.expect("infallible");
    let body = check(response.into_body());
    assert_eq!(body.size_hint().exact(), Some(4));
    assert!(!body.is_end_stream());
    assert_eq!(body.collect().await.expect("infallible").to_bytes(), "body");

    let layer = memprobe::tower::layer_without_body(|(): &()| "unit");
    let mut service = check(layer.layer(service_fn(|()| ready(Ok::<_, Infallible>(1)))));
    assert!(poll(check(service.clone().call(()))));
    assert_eq!(service.call(()).await, Ok(1));
}

#[test]
fn middlewares_can_make_an_empty_body() {
    type Measured = memprobe::tower::MeasuredBody<Empty<Bytes>>;
    let body = check(Measured::default());
    assert!(body.is_end_stream());
}

#[test]
fn a_service_that_cannot_be_sent_can_be_used() {
    let count = std::rc::Rc::new(std::cell::Cell::new(0));
    let counted = std::rc::Rc::clone(&count);
    let layer = memprobe::tower::layer_without_body(|(): &()| "not send");
    let mut service = layer.layer(service_fn(move |()| {
        counted.set(counted.get() + 1);
        ready(Err::<(), _>("error"))
    }));
    assert!(poll(service.call(())));
    assert_eq!(count.get(), 1);
}
