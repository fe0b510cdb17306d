//! The body of a response, which the call follows until it is sent.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::{Body, Frame, SizeHint};

use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::tower::request::RequestCall;

pin_project_lite::pin_project! {
    /// The body of a response whose request is a call. What it allocates, and what its data free
    /// when they are sent, counts for the call.
    pub struct MeasuredBody<B>
    where
        B: Body,
    {
        call: RequestCall,
        progress: Progress,
        // `None` once the body has been dropped inside the call.
        #[pin]
        body: Option<B>,
    }

    impl<B> PinnedDrop for MeasuredBody<B>
    where
        B: Body,
    {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let is_at_end = this.body.as_ref().as_pin_ref().is_some_and(|body| body.is_end_stream());
            if is_at_end || this.progress.is_done() {
                this.call.set_done();
            }
            if this.body.is_some() {
                this.call.run(|| this.body.set(None));
            }
        }
    }
}

/// How far a body was sent. A server stops to poll it once it has sent all that the length
/// promises, and never polls it for a `HEAD`.
struct Progress {
    is_polled: bool,
    has_ended: bool,
    sent: u64,
    length: Option<u64>,
}

impl Progress {
    fn is_done(&self) -> bool {
        self.has_ended || !self.is_polled || self.length.is_some_and(|length| self.sent >= length)
    }
}

impl<B: Body> MeasuredBody<B> {
    pub(super) fn new(call: RequestCall, headers: &HeaderMap, body: B) -> MeasuredBody<B> {
        let promised = || headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
        let length = body.size_hint().exact().or_else(promised);
        let progress = Progress { is_polled: false, has_ended: false, sent: 0, length };
        MeasuredBody { call, progress, body: Some(body) }
    }
}

impl<B: Body<Data = Bytes>> Body for MeasuredBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let (call, progress) = (&*this.call, this.progress);
        progress.is_polled = true;
        // Only `drop` empties it, and no poll comes after that.
        let Some(body) = this.body.as_pin_mut() else { return Poll::Ready(None) };
        call.run(|| body.poll_frame(context)).map(|frame| match frame {
            Some(Ok(frame)) => Some(Ok(frame.map_data(|data| {
                progress.sent += data.len() as u64;
                measured(call, data)
            }))),
            end => {
                progress.has_ended = true;
                end
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

/// Returns data whose memory is freed inside the call. The server holds them for a while.
fn measured(call: &RequestCall, data: Bytes) -> Bytes {
    if data.is_empty() {
        return data;
    }
    let _ignored = IgnoreAllocs::begin();
    Bytes::from_owner(Data { call: call.clone(), data })
}

struct Data {
    call: RequestCall,
    data: Bytes,
}

impl AsRef<[u8]> for Data {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        let data = std::mem::take(&mut self.data);
        self.call.run(|| drop(data));
    }
}
