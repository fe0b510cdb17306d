//! The futures that run the handler of a request in its call.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use http_body::Body;

use crate::runtime::stats::call_tree::Annotated;
use crate::runtime::tower::body::MeasuredBody;
use crate::runtime::tower::request::RequestCall;

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
