//! Exact figures of a piece of work, as values.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use crate::call::Open;
use crate::jemalloc;
use crate::meter::{Place, Progress};
use crate::usage::{Unavailable, Usage};

/// Runs `work`, and tells what it allocated, freed and peaked at on this thread. Writes no
/// event and is in no total; a `probe!` in it is a snapshot, unless it stands in an annotated
/// function that `work` calls.
///
/// ```
/// memprobe::global_allocator!();
/// # fn main() -> Result<(), memprobe::Unavailable> {
/// let (page, usage) = memprobe::measure(|| vec![0_u8; 1 << 20])?;
/// assert_eq!(usage.peak, 1 << 20);
/// assert_eq!(usage.net(), page.len() as i64);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// If there can be no figures; `work` is not run then.
pub fn measure<T>(work: impl FnOnce() -> T) -> Result<(T, Usage), Unavailable> {
    let place = pin!(Place::new());
    let place = place.into_ref();
    enter(place, &Progress::START)?;
    let result = work();
    let left = place.get_ref().leave().ok_or(Unavailable::Nested)?;
    Ok((result, usage(&left.progress())))
}

/// The same for a future: what all its polls did, on whatever thread.
///
/// # Errors
///
/// If there can be no figures; the future is dropped unpolled then.
pub async fn measure_future<F: Future>(future: F) -> Result<(F::Output, Usage), Unavailable> {
    let mut progress = Progress::START;
    let mut future = pin!(future);
    let poll = move |context: &mut Context<'_>| poll(&mut progress, future.as_mut(), context);
    std::future::poll_fn(poll).await
}

fn poll<F: Future>(
    progress: &mut Progress,
    future: Pin<&mut F>,
    context: &mut Context<'_>,
) -> Poll<Result<(F::Output, Usage), Unavailable>> {
    let place = pin!(Place::new());
    let place = place.into_ref();
    if let Err(why) = enter(place, progress) {
        return Poll::Ready(Err(why));
    }
    let result = future.poll(context);
    let Some(left) = place.get_ref().leave() else {
        return Poll::Ready(Err(Unavailable::Nested));
    };
    *progress = left.progress();
    result.map(|result| Ok((result, usage(progress))))
}

fn enter(place: Pin<&Place>, progress: &Progress) -> Result<(), Unavailable> {
    if !jemalloc::is_global() {
        return Err(Unavailable::OtherAllocator);
    }
    place.enter(Open::new(), progress).map(|_| ()).ok_or(Unavailable::Nested)
}

fn usage(progress: &Progress) -> Usage {
    Usage {
        allocated: progress.call.allocated,
        freed: progress.call.freed,
        peak: progress.call_peak.max(0) as u64,
    }
}
