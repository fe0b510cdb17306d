//! The layers that make requests calls, and the services that they make.

use std::panic::Location;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use crate::runtime::instrument::function::Limits;
use crate::runtime::stats::call_tree::Annotated;
use crate::runtime::tower::body::MeasuredBody;
use crate::runtime::tower::future::{CallFuture, ResponseFuture};
use crate::runtime::tower::names::{self, ByRoute, Name, Named};

/// Makes each request of an HTTP service a call, named by its method and, with the feature `axum`,
/// by the path that axum's router has matched: `GET /users/{id}`.
///
/// The call goes from the handler to the end of the body of the response: what the body allocates
/// while it is sent counts for it, and so does what the server frees once it is sent. It ends with
/// the last of these. Its outcome is `cancelled` if the client was gone before, and `panicked` if the
/// handler, or the body, has panicked.
///
/// The *request* comes from the server, which allocates its head and its body outside the call. What
/// the handler frees of them makes the net of the call negative, with hyper by up to some hundred KiB on
/// a connection that also carries large bodies: all requests are slices of its buffers.
///
/// Functions with `#[memprobe]`, scopes and spans in the handler are nested in it. Its events have the
/// target `memprobe::route`.
///
/// A request for which the router has no route is `GET (no route)`, also where it has a whole service
/// for it (`Router::nest_service`), and one whose method is not of the standard is `(other method)`.
/// There are at most 256 names of requests, of all layers together; further requests are `(other)`.
///
/// The data of the body are [`Bytes`], as for axum, tonic and hyper.
///
/// # Examples
///
/// ```
/// use tower_layer::Layer;
///
/// # #[derive(Clone)]
/// # struct Router;
/// # let router = Router;
/// // With axum: `Router::new().route(…).layer(memprobe::tower::layer())`.
/// let service = memprobe::tower::layer().above(64 << 20).layer(router);
/// ```
#[track_caller]
pub fn layer() -> HttpLayer<ByRoute> {
    HttpLayer(Options::new(ByRoute))
}

/// Makes each request of an HTTP service a call, as [`layer`] does, and names it by a closure.
///
/// Use only few names: paths come from clients, and of all layers together only 256 names have
/// totals of their own.
///
/// # Examples
///
/// For a gRPC service of tonic the path is its service and method:
/// `layer_named(|request: &http::Request<tonic::body::Body>| request.uri().path().to_owned())`.
///
/// ```
/// let layer = memprobe::tower::layer_named(|request: &http::Request<()>| {
///     match request.uri().path() {
///         path if path.starts_with("/pictures/") => "pictures",
///         _ => "pages",
///     }
/// });
/// ```
#[track_caller]
pub fn layer_named<F, B, N>(name: F) -> HttpLayer<Named<F>>
where
    F: Fn(&Request<B>) -> N,
    N: Into<String>,
{
    HttpLayer(Options::new(Named(name)))
}

/// Makes each request of any service a call, and names it by a closure. The call ends when the
/// handler has returned.
///
/// # Examples
///
/// A function on AWS Lambda:
///
/// ```
/// use lambda_runtime::{LambdaEvent, service_fn};
/// use serde_json::Value;
/// use tower_layer::Layer;
///
/// async fn handler(event: LambdaEvent<Value>) -> Result<Value, lambda_runtime::Error> {
///     Ok(event.payload)
/// }
///
/// let layer = memprobe::tower::layer_without_body(|_: &LambdaEvent<Value>| "handler");
/// let service = layer.layer(service_fn(handler));
/// let run = lambda_runtime::run(service);
/// # drop(run);
/// ```
#[track_caller]
pub fn layer_without_body<F, R, N>(name: F) -> ServiceLayer<Named<F>>
where
    F: Fn(&R) -> N,
    N: Into<String>,
{
    ServiceLayer(Options::new(Named(name)))
}

/// What a layer hands to its services.
#[derive(Debug)]
struct Options<N> {
    names: Arc<N>,
    limits: Limits,
    place: &'static Location<'static>,
}

impl<N> Options<N> {
    #[track_caller]
    fn new(names: N) -> Options<N> {
        Options { names: Arc::new(names), limits: Limits::default(), place: Location::caller() }
    }

    fn function<R>(&self, request: &R) -> &'static Annotated
    where
        N: Name<R>,
    {
        names::function(&*self.names, request, self.limits, self.place)
    }
}

impl<N> Clone for Options<N> {
    fn clone(&self) -> Options<N> {
        Options { names: Arc::clone(&self.names), ..*self }
    }
}

/// Declares a layer and its service.
macro_rules! layer {
    ($(#[$of_layer:meta])* $layer:ident, $(#[$of_service:meta])* $service:ident) => {
        $(#[$of_layer])*
        #[derive(Debug)]
        pub struct $layer<N>(Options<N>);

        impl<N> $layer<N> {
            /// Sets the number of calls of each name that are written a second: the `rate` of
            /// [`#[memprobe]`](macro@crate::memprobe), from 0.000001 to 1000000000. A rate beyond
            /// is the nearest of these, and 0 is no limit.
            #[must_use]
            pub fn rate(mut self, calls_a_second: f64) -> Self {
                self.0.limits.set_rate(calls_a_second);
                self
            }

            /// Sets the peak, in bytes, above which the exit of a call is always written, at `WARN`:
            /// the `above` of [`#[memprobe]`](macro@crate::memprobe).
            #[must_use]
            pub fn above(mut self, bytes: u64) -> Self {
                self.0.limits.above = Some(bytes);
                self
            }
        }

        impl<N> Clone for $layer<N> {
            fn clone(&self) -> Self {
                $layer(self.0.clone())
            }
        }

        impl<S, N> Layer<S> for $layer<N> {
            type Service = $service<S, N>;

            fn layer(&self, inner: S) -> $service<S, N> {
                $service { inner, options: self.0.clone() }
            }
        }

        $(#[$of_service])*
        #[derive(Debug)]
        pub struct $service<S, N> {
            inner: S,
            options: Options<N>,
        }

        impl<S: Clone, N> Clone for $service<S, N> {
            fn clone(&self) -> Self {
                $service { inner: self.inner.clone(), options: self.options.clone() }
            }
        }
    };
}

layer! {
    /// A layer for HTTP services. [`layer`] and [`layer_named`] return one.
    HttpLayer,
    /// An HTTP service whose requests are calls, with the bodies of their responses.
    HttpService
}

layer! {
    /// A layer for any service. [`layer_without_body`] returns one.
    ServiceLayer,
    /// A service whose requests are calls, from the request to the return of the handler.
    ServiceWithoutBody
}

impl<S, N, B, R> Service<Request<B>> for HttpService<S, N>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body<Data = Bytes>,
    N: Name<Request<B>>,
{
    type Response = Response<MeasuredBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture<S::Future> {
        let function = self.options.function(&request);
        ResponseFuture::new(CallFuture::new(function, || self.inner.call(request)))
    }
}

impl<S, N, R> Service<R> for ServiceWithoutBody<S, N>
where
    S: Service<R>,
    N: Name<R>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = CallFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> CallFuture<S::Future> {
        let function = self.options.function(&request);
        CallFuture::new(function, || self.inner.call(request))
    }
}
