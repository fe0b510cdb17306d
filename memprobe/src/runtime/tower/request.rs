//! The call of a request, and the future that runs its handler.

use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Response;
use http_body::Body;

use crate::runtime::instrument::shared_call::{Part, SharedCall};
use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::stats::call_tree::Annotated;
use crate::runtime::stats::site::Outcome;
use crate::runtime::sync::atomic::{AtomicBool, Ordering::Relaxed};
use crate::runtime::tower::body::MeasuredBody;

/// The call of a request. It ends when the last that holds it is dropped: the handler, the body, or
/// a part of the body that is still to be sent. `None` once the call was handed on.
#[derive(Clone, Default)]
pub(super) struct RequestCall(Option<Arc<Inner>>);

struct Inner {
    call: SharedCall,
    /// The handler has returned, and the body was sent to its end.
    is_done: AtomicBool,
}

// It refers only to counters.
impl UnwindSafe for RequestCall {}
impl RefUnwindSafe for RequestCall {}

impl RequestCall {
    pub fn new(function: &'static Annotated) -> RequestCall {
        let _ignored = IgnoreAllocs::begin();
        let inner = Inner { call: SharedCall::new(function), is_done: AtomicBool::new(false) };
        RequestCall(Some(Arc::new(inner)))
    }

    /// Runs a part of the call on this thread.
    pub fn run<T>(&self, part: impl FnOnce() -> T) -> T {
        let Some(inner) = &self.0 else { return part() };
        let _entered = Entered { call: &inner.call, part: inner.call.enter() };
        part()
    }

    /// Records that the request was served to its end.
    pub fn set_done(&self) {
        if let Some(inner) = &self.0 {
            inner.is_done.store(true, Relaxed);
        }
    }
}

impl Drop for RequestCall {
    fn drop(&mut self) {
        let Some(inner) = self.0.take() else { return };
        let last = {
            let _ignored = IgnoreAllocs::begin();
            Arc::into_inner(inner)
        };
        if let Some(inner) = last {
            let is_done = inner.is_done.load(Relaxed);
            inner.call.end(if is_done { Outcome::Returned } else { Outcome::Cancelled });
        }
    }
}

/// A part of a call in progress. It is dropped when the part ends or panics.
struct Entered<'a> {
    call: &'a SharedCall,
    part: Option<Part>,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if let Some(part) = self.part.take() {
            self.call.leave(part);
        }
    }
}

pin_project_lite::pin_project! {
    /// The future of a service whose requests are calls: it runs the handler in the call.
    #[must_use = "futures do nothing unless polled"]
    pub struct CallFuture<F> {
        call: RequestCall,
        // `None` once the future has been dropped inside the call.
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for CallFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_some() {
                this.call.run(|| this.future.set(None));
            }
        }
    }
}

impl<F> CallFuture<F> {
    /// Begins the call of a request, whose handler `start` makes.
    pub(super) fn new(function: &'static Annotated, start: impl FnOnce() -> F) -> CallFuture<F> {
        let call = RequestCall::new(function);
        let future = call.run(start);
        CallFuture { call, future: Some(future) }
    }
}

impl<F: Future> CallFuture<F> {
    /// Polls the handler. Its output comes with the call, which goes on.
    fn poll_handler(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<(F::Output, RequestCall)> {
        let mut this = self.project();
        let future = &mut this.future;
        let output = this.call.run(|| {
            let polled = future.as_mut().as_pin_mut()?.poll(context);
            if polled.is_ready() {
                future.set(None);
            }
            Some(polled)
        });
        match output {
            Some(Poll::Ready(output)) => Poll::Ready((output, std::mem::take(this.call))),
            // Pending, or polled again after its end.
            Some(Poll::Pending) | None => Poll::Pending,
        }
    }
}

impl<F: Future> Future for CallFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.poll_handler(context).map(|(output, call)| {
            call.set_done();
            output
        })
    }
}

pin_project_lite::pin_project! {
    /// The future of an HTTP service whose requests are calls: it also has the call follow the body
    /// of the response.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        handler: CallFuture<F>,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(handler: CallFuture<F>) -> ResponseFuture<F> {
        ResponseFuture { handler }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<MeasuredBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().handler.poll_handler(context).map(|(output, call)| match output {
            Ok(response) => {
                let (parts, body) = response.into_parts();
                let body = MeasuredBody::new(call, &parts.headers, body);
                Ok(Response::from_parts(parts, body))
            }
            Err(error) => {
                call.set_done();
                Err(error)
            }
        })
    }
}
