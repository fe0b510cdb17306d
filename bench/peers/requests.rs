//! Requests to services of `tower`, with memprobe's layer and without.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::hint::black_box;
use std::pin::Pin;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::http::{Request, Response};
use axum::routing::get;
use memprobe_bench::harness::{compare, polls};
use tower::{Layer, Service, service_fn};

memprobe::global_allocator!();

type Handled = Result<Response<Body>, Infallible>;

async fn empty(_: Request<Body>) -> Handled {
    Ok(Response::new(Body::empty()))
}

async fn page(_: Request<Body>) -> Handled {
    Ok(Response::new(Body::from(black_box(vec![1; 1024]))))
}

fn router() -> Router {
    Router::new().route("/users/{id}", get(async || vec![1; 1024]))
}

/// Sends requests one after the other, and takes the bodies of the responses to their ends.
fn requests<S, B>(service: S) -> impl Fn(u64)
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    B: HttpBody + Unpin,
{
    let service = RefCell::new(service);
    polls(move |_| {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = axum::http::Uri::from_static("/users/17");
        let call = service.borrow_mut().call(request);
        async {
            let Ok(response) = call.await;
            let mut body = response.into_body();
            while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await
            {
                black_box(frame.is_ok());
            }
        }
    })
}

fn main() {
    let (plain, layer) = (service_fn(empty), memprobe::tower::layer());
    let without_body = memprobe::tower::layer_without_body(|_: &Request<Body>| "empty");
    compare(
        "an empty handler, `layer_without_body`",
        requests(plain),
        requests(without_body.layer(plain)),
    );
    compare("an empty handler", requests(plain), requests(layer.layer(plain)));
    compare("1 KiB", requests(service_fn(page)), requests(layer.layer(service_fn(page))));
    compare("1 KiB by axum's router", requests(router()), requests(router().layer(layer.clone())));
}
