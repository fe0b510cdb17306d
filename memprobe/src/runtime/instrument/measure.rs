//! Exact figures of a piece of work, as values.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use crate::runtime::calls::frame::Progress;
use crate::runtime::calls::record::Record;
use crate::runtime::calls::{pool, stack};
use crate::runtime::readings::jemalloc;
use crate::values::usage::{Unavailable, Usage};

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
/// If there can be no figures; `work` is not run then, unless they are lost while it runs
/// ([`Unavailable::OtherThread`]).
pub fn measure<T>(work: impl FnOnce() -> T) -> Result<(T, Usage), Unavailable> {
    let mut measurement = Measurement::new();
    let part = measurement.part()?;
    let result = work();
    drop(part);
    Ok((result, measurement.usage()?))
}

/// The same for a future: what all its polls did, on whatever thread.
///
/// # Errors
///
/// If there can be no figures; the future is dropped then: unpolled, unless it is a later poll
/// that comes while memprobe is at work.
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

    /// Begins a part of the work, which runs on this thread.
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

/// A part in progress; dropped by its end or by a panic.
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
