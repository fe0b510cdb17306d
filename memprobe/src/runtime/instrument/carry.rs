//! Work on other threads and in tasks of their own that counts for the call that asked for it.

use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::runtime::calls::frame::Delta;
use crate::runtime::calls::record::Record;
use crate::runtime::calls::{pool, stack};
use crate::runtime::events::figures::Ids;
use crate::runtime::instrument::call;
use crate::runtime::readings::bytes::Bytes;
use crate::runtime::readings::thread;
use crate::runtime::readings::{clock, shard};
use crate::runtime::stats::call_tree::Position;
use crate::runtime::stats::totals::Observation;

/// Takes the current call along to where `work` runs, such as another thread or a thread pool.
///
/// What `work` does counts for that call exactly as a nested call does, and annotated functions in
/// it have the call as their parent. In the report it is the segment `carried -> done`. Work that
/// still runs when the call ends counts for its function, but not for that one call, whose figures
/// are complete by then.
///
/// The peak of a call with work elsewhere is the highest of the call's own peak and, for each piece
/// of work, the peak of the piece plus what the call held: at its last point or when it carried the
/// work, with what other pieces had kept by then. That is exact if the call waits for one piece at
/// a time. What several pieces hold at once and free again is not added up.
///
/// Outside any call `carry` changes nothing. Work that runs nested in the call counts as a nested
/// call.
///
/// # Examples
///
/// ```
/// # async fn run() {
/// let sum = tokio::task::spawn_blocking(memprobe::carry(|| (0..1000_u64).sum::<u64>())).await;
/// # }
/// ```
pub fn carry<T, F: FnOnce() -> T>(work: F) -> impl FnOnce() -> T + use<T, F> {
    let piece = CarriedWork::of_this_call();
    move || match piece {
        None => work(),
        Some(mut piece) => piece.run(|| (work(), true)),
    }
}

/// Takes the current call along into `future`, as for `tokio::spawn`. What its polls do counts for
/// the call, as described at [`carry`].
///
/// # Examples
///
/// ```
/// # async fn fetch() -> Vec<u8> { vec![0; 100] }
/// # async fn run() {
/// let page = tokio::spawn(memprobe::carry_future(fetch())).await;
/// # }
/// ```
pub fn carry_future<F: Future>(future: F) -> impl Future<Output = F::Output> + use<F> {
    Carry { piece: CarriedWork::of_this_call(), future: Some(future) }
}

pin_project_lite::pin_project! {
    struct Carry<F> {
        piece: Option<CarriedWork>,
        // `None` once the future has been dropped inside a frame.
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for Carry<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(piece) = this.piece.as_mut().filter(|piece| piece.record.is_some()) {
                piece.run(|| (this.future.set(None), true));
            }
        }
    }
}

impl<F: Future> Future for Carry<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        // Only `drop` empties it, and no poll comes after that.
        let Some(future) = this.future.as_pin_mut() else { return Poll::Pending };
        let Some(piece) = this.piece else { return future.poll(context) };
        piece.run(|| {
            let result = future.poll(context);
            let done = result.is_ready();
            (result, done)
        })
    }
}

/// Work that was carried out of a call.
pub(crate) struct CarriedWork {
    /// The call, and its serial; the call may have ended.
    call: &'static Record,
    serial: u32,
    position: &'static Position,
    /// The ids of the call, if it was admitted: events of the work have them too.
    ids: Option<Ids>,
    /// The record of the work, from its first run to its last.
    record: Option<&'static Record>,
    done: bool,
}

// It refers only to counters.
impl UnwindSafe for CarriedWork {}
impl RefUnwindSafe for CarriedWork {}

impl CarriedWork {
    fn of_this_call() -> Option<CarriedWork> {
        if thread::is_ignoring() {
            return None;
        }
        let call = stack::chain().find(|record| record.position().is_some())?;
        // The peak of the work is added to what the call holds now.
        stack::publish_held();
        CarriedWork::of(call)
    }

    /// Returns work for a call that does not end meanwhile.
    pub(crate) fn of(call: &'static Record) -> Option<CarriedWork> {
        let position = call.position()?.node.carried();
        call.carried.open();
        let (serial, ids) = (call.serial(), call.admission.ids());
        Some(CarriedWork { call, serial, position, ids, record: None, done: false })
    }

    /// Runs a part of the work on this thread. `part` also returns whether the work has ended.
    fn run<T>(&mut self, part: impl FnOnce() -> (T, bool)) -> T {
        let is_nested = self
            .running_call()
            .is_some_and(|call| stack::chain().any(|record| std::ptr::eq(record, call)));
        let Some(record) = self.enter(!is_nested) else {
            let (result, done) = part();
            if done {
                self.abandon();
            }
            return result;
        };
        let mut running = Running { piece: self, record, apart: !is_nested, done: true };
        let (result, done) = part();
        running.done = done;
        result
    }

    /// Returns the call if it has not ended.
    fn running_call(&self) -> Option<&'static Record> {
        Some(self.call).filter(|call| call.serial() == self.serial)
    }

    /// Opens a frame, which is `apart` if the call is not open on this thread. Returns `None` if
    /// the work is done, or while memprobe itself is at work.
    pub(crate) fn enter(&mut self, apart: bool) -> Option<&'static Record> {
        if self.done {
            return None;
        }
        let record = match self.record {
            Some(record) => stack::resume(record).then_some(record)?,
            None => self.begin()?,
        };
        record.frame.set_detached(apart);
        Some(record)
    }

    fn begin(&mut self) -> Option<&'static Record> {
        let record = stack::enter()?;
        record.set_is_carried();
        record.begin(self.position, self.running_call(), clock::coarse());
        self.record = Some(record);
        if let Some(ids) = self.ids {
            record.set_admitted(ids, false);
        }
        Some(record)
    }

    /// Closes a frame. The work has ended if `done`.
    pub(crate) fn leave(&mut self, record: &'static Record, apart: bool, done: bool) {
        if done {
            // Counts work that this work has carried elsewhere in turn.
            call::close(record);
        }
        let Some(left) = stack::leave(record) else {
            (self.record, self.done) = (None, true);
            return;
        };
        if apart {
            let (bytes, peak) = record.frame.since_entered(left);
            if !self.call.carry(self.serial, bytes, peak) {
                self.count_late(bytes, peak);
            }
        }
        if done {
            self.finish(record, left);
        } else {
            record.suspend(left);
        }
    }

    /// Counts work that has ended for its function.
    fn finish(&mut self, record: &'static Record, left: Delta) {
        if let Some(position) = record.position() {
            let segment = position.segment(&position.node.site.done);
            call::end_segment(segment, &record.frame.progress_of(left));
        }
        self.give(record);
    }

    /// Ends work whose end came while memprobe itself was at work: it is in no total. What earlier
    /// parts did stays with its call.
    #[cold]
    fn abandon(&mut self) {
        if let Some(record) = self.record {
            record.carried.close();
            self.give(record);
        }
    }

    fn give(&mut self, record: &'static Record) {
        pool::release(record);
        self.record = None;
        self.done = true;
    }

    /// Counts what came too late for its call for the function.
    fn count_late(&self, bytes: Bytes, peak: i64) {
        let node = self.position.node;
        let peak = peak.max(0) as u64;
        let observation =
            Observation { bytes, own: Bytes::ZERO, peak, level_or_self_peak: 0, is_call: false };
        node.start().segment(&node.site.late).add(shard::shard(), observation);
    }
}

/// A part of the work in progress. It is dropped when the part ends or panics.
struct Running<'a> {
    piece: &'a mut CarriedWork,
    record: &'static Record,
    apart: bool,
    done: bool,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.piece.leave(self.record, self.apart, self.done);
    }
}
