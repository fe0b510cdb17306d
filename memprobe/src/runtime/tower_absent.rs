//! The requests of `tower` services where memprobe is compiled out: they are no calls.

use std::marker::PhantomData;

use http::Request;
use tower_layer::Layer;

/// Returns a layer that does nothing, because memprobe is compiled out.
pub fn layer() -> HttpLayer<ByRoute> {
    HttpLayer(PhantomData)
}

/// Returns a layer that does nothing, because memprobe is compiled out.
pub fn layer_named<F, B, N>(_name: F) -> HttpLayer<Named<F>>
where
    F: Fn(&Request<B>) -> N,
    N: Into<String>,
{
    HttpLayer(PhantomData)
}

/// Returns a layer that does nothing, because memprobe is compiled out.
pub fn layer_without_body<F, R, N>(_name: F) -> ServiceLayer<Named<F>>
where
    F: Fn(&R) -> N,
    N: Into<String>,
{
    ServiceLayer(PhantomData)
}

/// Names a request by its method and route.
#[derive(Clone, Copy, Debug)]
pub struct ByRoute;

/// Names a request by a closure.
#[derive(Clone, Copy, Debug)]
pub struct Named<F>(PhantomData<fn() -> F>);

macro_rules! layers {
    ($($layer:ident)*) => { $(
        /// A layer that does nothing, because memprobe is compiled out.
        #[derive(Debug)]
        pub struct $layer<N>(PhantomData<fn() -> N>);

        impl<N> $layer<N> {
            /// Ignores the rate, because memprobe is compiled out.
            #[must_use]
            pub fn rate(self, _calls_a_second: f64) -> Self {
                self
            }

            /// Ignores the bound, because memprobe is compiled out.
            #[must_use]
            pub fn above(self, _bytes: u64) -> Self {
                self
            }
        }

        impl<N> Clone for $layer<N> {
            fn clone(&self) -> Self {
                $layer(PhantomData)
            }
        }

        impl<S, N> Layer<S> for $layer<N> {
            type Service = S;

            fn layer(&self, inner: S) -> S {
                inner
            }
        }
    )* };
}

layers!(HttpLayer ServiceLayer);

/// The service itself, because memprobe is compiled out.
pub type HttpService<S, N> = <HttpLayer<N> as Layer<S>>::Service;

/// The service itself, because memprobe is compiled out.
pub type ServiceWithoutBody<S, N> = <ServiceLayer<N> as Layer<S>>::Service;

/// The body itself, because memprobe is compiled out.
pub type MeasuredBody<B> = B;

/// The future itself, because memprobe is compiled out.
pub type CallFuture<F> = F;

/// The future itself, because memprobe is compiled out.
pub type ResponseFuture<F> = F;
