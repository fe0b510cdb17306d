//! Uploads: a picture comes in, a thumbnail goes out.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use http_body_util::BodyExt;
use memprobe::{memprobe, probe};

use crate::counters::COUNTERS;
use crate::service::Service;

/// The largest picture has 16 MiB, and 64 MiB decoded.
const MOST_SIDE: usize = 4096;
/// One pixel of a thumbnail stands for so many of each row and column.
const SHRINK: usize = 8;
/// Bytes of a decoded pixel: red, green, blue, alpha.
const RGBA: usize = 4;

#[memprobe]
pub async fn upload(
    State(service): State<Arc<Service>>,
    Path(side): Path<usize>,
    body: Body,
) -> Result<Vec<u8>, StatusCode> {
    let call = COUNTERS.uploads.begin();
    if side == 0 || side > MOST_SIDE || side % SHRINK != 0 {
        return Err(StatusCode::NOT_FOUND);
    }
    let grey = receive(body, side * side).await?;
    probe!("received", bytes = grey.len());

    let work = memprobe::carry(move || thumbnail(side, &grey));
    let small = tokio::task::spawn_blocking(work).await;
    let small = small.map_err(|_panic| StatusCode::INTERNAL_SERVER_ERROR)?;
    probe!("made", bytes = small.len());

    service.cache.remember(&small);
    COUNTERS.sent.add(small.len());
    call.done();
    Ok(small)
}

/// Reads a body of at most so many bytes.
async fn receive(mut body: Body, bytes: usize) -> Result<Vec<u8>, StatusCode> {
    let mut received = Vec::with_capacity(bytes);
    COUNTERS.received.add(bytes);
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Err(StatusCode::BAD_REQUEST) };
        let Ok(data) = frame.into_data() else { continue };
        if received.len() + data.len() > bytes {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        received.extend_from_slice(&data);
    }
    Ok(received)
}

/// Decodes and shrinks a picture. Panics if it was cut short, as many a decoder does.
#[memprobe]
fn thumbnail(side: usize, grey: &[u8]) -> Vec<u8> {
    let call = COUNTERS.thumbnails.begin();
    let grey = &grey[..side * side];

    let mut pixels = vec![u8::MAX; grey.len() * RGBA];
    COUNTERS.decoded.add(pixels.len());
    for (pixel, &grey) in pixels.chunks_exact_mut(RGBA).zip(grey) {
        pixel[..3].fill(grey);
    }
    probe!("decoded", bytes = pixels.len());

    let mut small = Vec::with_capacity(pixels.len() / SHRINK / SHRINK);
    COUNTERS.shrunk.add(small.capacity());
    for row in pixels.chunks_exact(side * RGBA).step_by(SHRINK) {
        for pixel in row.chunks_exact(RGBA).step_by(SHRINK) {
            small.extend_from_slice(pixel);
        }
    }
    probe!("shrunk", bytes = small.len());
    call.done();
    small
}
