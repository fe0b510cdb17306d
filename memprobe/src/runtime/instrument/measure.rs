//! Measures a piece of work, and returns its figures as a value.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use crate::runtime::calls::frame::Progress;
use crate::runtime::calls::record::Record;
use crate::runtime::calls::{pool, stack};
use crate::runtime::readings::jemalloc;
use crate::values::usage::{Unavailable, Usage};

/// Runs `work`, and returns its result with the bytes that it allocated, freed and peaked at on
/// this thread.
///
/// It writes no event and is in no total. A `probe!` in it is a snapshot, unless it stands in an
/// annotated function that `work` calls.
///
/// # Examples
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
/// Returns an error if there can be no figures. `work` is not run then, unless the figures are lost
/// while it runs ([`Unavailable::OtherThread`]).
pub fn measure<T>(work: impl FnOnce() -> T) -> Result<(T, Usage), Unavailable> {
    let mut measurement = Measurement::new();
    let part = measurement.part()?;
    let result = work();
    drop(part);
    Ok((result, measurement.usage()?))
}

/// Awaits `future`, and returns its output with the bytes that all its polls allocated, freed and
/// peaked at, on whatever thread.
///
/// # Examples
///
/// ```
/// memprobe::global_allocator!();
/// # async fn fetch() -> Vec<u8> { vec![0; 100] }
/// # async fn run() -> Result<(), memprobe::Unavailable> {
/// let (page, usage) = memprobe::measure_future(fetch()).await?;
/// println!("{} bytes: {usage}", page.len());
/// # Ok(())
/// # }
/// # fn main() {}
/// ```
///
/// # Errors
///
/// Returns an error if there can be no figures. The future is dropped then: before its first poll,
/// or later if the figures are lost by then ([`Unavailable::OtherThread`]) or a poll comes while
/// memprobe itself is at work.
pub async fn measure_future<F: Future>(future: F) -> Result<(F::Output, Usage), Unavailable> {
    let mut measurement = Measurement::new();
    let mut future = pin!(future);
    std::future::poll_fn(move |context| {
        let part = match measurement.part() {
            Ok(part) => part,
            Err(why) => return Poll::Ready(Err(why)),
        };
        let result = future.as_mut().poll(context);
        drop(part);
        result.map(|result| Ok((result, measurement.usage()?)))
    })
    .await
}

/// A piece of work that is measured, from its first part to its last.
struct Measurement {
    record: Option<&'static Record>,
    /// What the parts that have ended did.
    progress: Progress,
    /// A part has ended on another thread than it began on.
    is_lost: bool,
}

impl Measurement {
    fn new() -> Measurement {
        Measurement { record: None, progress: Progress::default(), is_lost: false }
    }

    /// Begins a part of the work on this thread.
    fn part(&mut self) -> Result<Part<'_>, Unavailable> {
        if !jemalloc::is_global() {
            return Err(Unavailable::OtherAllocator);
        }
        if self.is_lost {
            return Err(Unavailable::OtherThread);
        }
        let begun = match self.record {
            Some(record) => stack::resume(record).then_some(record),
            None => stack::enter(),
        };
        self.record = self.record.or(begun);
        let record = begun.ok_or(Unavailable::InsideSubscriber)?;
        Ok(Part { record, of: self })
    }

    fn usage(&self) -> Result<Usage, Unavailable> {
        if self.is_lost {
            return Err(Unavailable::OtherThread);
        }
        Ok(Usage {
            allocated: self.progress.call.allocated,
            freed: self.progress.call.freed,
            peak: self.progress.call_peak.max(0) as u64,
        })
    }
}

impl Drop for Measurement {
    fn drop(&mut self) {
        if let Some(record) = self.record {
            pool::release(record);
        }
    }
}

/// A part in progress. It is dropped when the part ends or panics.
struct Part<'a> {
    record: &'static Record,
    of: &'a mut Measurement,
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        if let Some(left) = stack::leave(self.record) {
            self.of.progress = self.record.suspend(left);
        } else {
            (self.of.record, self.of.is_lost) = (None, true);
        }
    }
}
