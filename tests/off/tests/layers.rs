//! The layers for requests and spans compiled out: what they are put around stays as it is.

use std::any::type_name_of_val;
use std::convert::Infallible;
use std::future::ready;
use std::pin::{Pin, pin};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::Path;
use axum::http::{Request, Response};
use axum::routing::get;
use memprobe::tower::{ByRoute, HttpService, MeasuredBody};
use tower::{Layer, Service, service_fn};
use tracing::{Event, Subscriber, info, info_span, span};
use tracing_subscriber::layer::{self, SubscriberExt};

/// The output of a future that is ready at once.
fn output<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

fn text(mut body: impl HttpBody<Data = axum::body::Bytes> + Unpin) -> Vec<u8> {
    let mut text = Vec::new();
    let mut context = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut context) {
        text.extend(frame.into_data().unwrap_or_default());
    }
    text
}

#[test]
fn a_service_is_the_service_itself() {
    assert!(!memprobe::status().enabled, "built with the whole workspace: see .ci/run");
    let user = async |Path(id): Path<u32>| format!("user {id}");
    let router = Router::new().route("/users/{id}", get(user));
    let mut router = router.layer(memprobe::tower::layer().rate(1.0).above(1 << 20));
    let request = Request::builder().uri("/users/17").body(Body::empty()).expect("valid");
    let Ok(response) = output(Service::<Request<Body>>::call(&mut router, request));
    assert_eq!(
        (response.status().as_u16(), text(response.into_body())),
        (200, b"user 17".to_vec())
    );

    // Names are never asked for.
    let named = memprobe::tower::layer_named(|_: &Request<u8>| -> String { panic!("a name") });
    let handler = |request: Request<u8>| {
        ready(Ok::<_, Infallible>(Response::new(Body::from(vec![*request.body()]))))
    };
    let mut service = named.layer(service_fn(handler));
    assert_eq!(type_name_of_val(&service), type_name_of_val(&service_fn(handler)));
    let Ok(response) = output(service.call(Request::new(7)));
    let body: MeasuredBody<Body> = response.into_body();
    assert_eq!(text(body), [7]);

    let plain = service_fn(|n: u64| ready(Ok::<_, Infallible>(n + 1)));
    let without_body = memprobe::tower::layer_without_body(|_: &u64| "number").rate(0.0).above(1);
    assert_eq!(output(without_body.layer(plain).call(1)), Ok(2));
    let _: HttpService<u8, ByRoute> = 1_u8;
    assert!(memprobe::report().functions.is_empty());
    assert!(memprobe::in_flight().is_empty());
}

static SPANS: AtomicUsize = AtomicUsize::new(0);
static EVENTS: AtomicUsize = AtomicUsize::new(0);

struct Counter;

impl<S: Subscriber> layer::Layer<S> for Counter {
    fn on_new_span(&self, _: &span::Attributes<'_>, _: &span::Id, _: layer::Context<'_, S>) {
        SPANS.fetch_add(1, Relaxed);
    }

    fn on_event(&self, _: &Event<'_>, _: layer::Context<'_, S>) {
        EVENTS.fetch_add(1, Relaxed);
    }
}

#[test]
fn a_subscriber_gets_what_the_program_has_and_nothing_else() {
    let spans = memprobe::spans::layer().filter(|_| panic!("a filter"));
    let spans = spans.events(true).rate(0.0).above(1);
    let subscriber = tracing_subscriber::registry().with(spans).with(Counter);
    tracing::subscriber::with_default(memprobe::spans::ignore(subscriber), || {
        info_span!("load").in_scope(|| info!("loaded"));
    });
    assert_eq!((SPANS.load(Relaxed), EVENTS.load(Relaxed)), (1, 1));
}

#[test]
fn the_tree_has_no_jemalloc() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--prefix=none", "--edges=normal,build", "--package=memprobe-off"]);
    let output = cargo.args(["--features=layers"]).output().expect("cargo runs");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.contains("tower-layer") && !text.contains("jemalloc"), "{text}");
}
