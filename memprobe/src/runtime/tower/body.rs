//! The body of a response, which the call follows until it is sent.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::{Body, Frame, SizeHint};

use crate::runtime::readings::bytes::Bytes as Counts;
use crate::runtime::readings::thread::{IgnoreAllocs, is_ignoring, thread};
use crate::runtime::sync::atomic::{AtomicU64, Ordering::Relaxed};
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

/// How far a body was sent. A server no longer polls a body that has sent all that its length
/// promises, or its trailers, and it never polls the body of the response to a `HEAD`.
#[derive(Default)]
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
        let progress = Progress { length, ..Progress::default() };
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
            Some(Ok(frame)) => {
                progress.has_ended |= frame.is_trailers();
                Some(Ok(frame.map_data(|data| {
                    progress.sent += data.len() as u64;
                    measured(call, data)
                })))
            }
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

/// An empty body of no call, as middlewares make one for a response of their own.
impl<B: Body + Default> Default for MeasuredBody<B> {
    fn default() -> MeasuredBody<B> {
        let body = Some(B::default());
        MeasuredBody { call: RequestCall::default(), progress: Progress::default(), body }
    }
}

impl<B: Body + fmt::Debug> fmt::Debug for MeasuredBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MeasuredBody").field(&self.body).finish()
    }
}

/// Returns data whose memory is freed inside the call. The server holds them for a while.
fn measured(call: &RequestCall, data: Bytes) -> Bytes {
    if data.is_empty() {
        return data;
    }
    let _ignored = IgnoreAllocs::begin();
    let before = thread().raw();
    let data = Bytes::from_owner(MeasuredData { data, call: call.clone(), _block: OwnBlock });
    if OWN_BLOCK.load(Relaxed) == 0 {
        OWN_BLOCK.store(thread().raw().since(before).allocated, Relaxed);
    }
    data
}

/// Data of a body. Its fields are dropped in this order.
struct MeasuredData {
    data: Bytes,
    call: RequestCall,
    _block: OwnBlock,
}

impl AsRef<[u8]> for MeasuredData {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Drop for MeasuredData {
    fn drop(&mut self) {
        let data = std::mem::take(&mut self.data);
        self.call.run(|| drop(data));
    }
}

/// Bytes of the block in which `Bytes` keeps [`MeasuredData`]: all have the same size.
static OWN_BLOCK: AtomicU64 = AtomicU64::new(0);

/// Keeps the block in which [`MeasuredData`] are out of the figures: `Bytes` frees it after all fields have
/// been dropped, whoever's call is open then.
struct OwnBlock;

impl Drop for OwnBlock {
    fn drop(&mut self) {
        if !is_ignoring() {
            thread().spend(Counts { allocated: 0, freed: OWN_BLOCK.load(Relaxed) });
        }
    }
}
