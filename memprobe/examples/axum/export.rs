//! The export: a stream, which is made while it is sent.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use futures_util::stream;
use serde::Deserialize;
use tracing::info_span;

use crate::counters::{COUNTERS, Call};
use crate::service::Service;

/// Bytes that a block of the stream has room for.
const BLOCK: usize = 8 << 10;

#[derive(Deserialize)]
pub struct Asked {
    times: usize,
}

/// All pages, so many times.
pub async fn export(State(service): State<Arc<Service>>, Query(asked): Query<Asked>) -> Body {
    let next = move |(left, call): (usize, Call<'static>)| {
        if left == 0 {
            call.done();
            return ready(None);
        }
        ready(Some((Ok::<_, Infallible>(block(&service.pages)), (left - 1, call))))
    };
    Body::from_stream(stream::unfold((asked.times, COUNTERS.exports.begin()), next))
}

/// One block of the stream. The span is a call, in that of the request.
fn block(pages: &[String]) -> Vec<u8> {
    let _entered = info_span!("block").entered();
    let mut block = Vec::with_capacity(BLOCK);
    COUNTERS.exported.add(block.capacity());
    for page in pages {
        block.extend_from_slice(page.as_bytes());
        block.push(b'\n');
    }
    COUNTERS.sent.add(block.len());
    block
}
