//! What work elsewhere has done for a call that runs.

use crate::runtime::readings::bytes::{Bytes, BytesCell, NetCell};
use crate::runtime::sync::atomic::{
    AtomicBool, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use crate::runtime::sync::yield_now;

/// What work elsewhere has done for a call and the call does not count yet.
///
/// It has a lock of its own because a record may only hold types for which zero bytes are valid.
pub(crate) struct CarriedCell {
    /// Work was carried out of the call.
    carries: AtomicBool,
    /// The lock of the following fields.
    is_busy: AtomicBool,
    /// True if `bytes` and `level` hold something to count.
    is_some: AtomicBool,
    bytes: BytesCell,
    level: NetCell,
}

#[derive(Clone, Copy)]
pub(crate) struct Carried {
    pub bytes: Bytes,
    /// The highest net of the call that the work led to, as far as it is known, in bytes.
    pub level: i64,
}

/// The locked sum; dropping it releases the lock.
pub(crate) struct Sum<'a>(&'a CarriedCell);

impl CarriedCell {
    /// Lets work elsewhere count for the call from now on.
    pub fn open(&self) {
        self.carries.store(true, Release);
    }

    pub fn is_open(&self) -> bool {
        self.carries.load(Acquire)
    }

    /// Locks the sum. Others hold it for some ns. The wait is bounded, because in a forked child
    /// the holder may not exist.
    pub fn sum(&self) -> Sum<'_> {
        for _ in 0..1000 {
            if let Some(sum) = self.try_sum() {
                return sum;
            }
            yield_now();
        }
        Sum(self)
    }

    fn try_sum(&self) -> Option<Sum<'_>> {
        let lock = self.is_busy.compare_exchange(false, true, Acquire, Relaxed);
        // Not `then_some`: a sum that is made and dropped here would unlock the cell for another.
        lock.is_ok().then(|| Sum(self))
    }

    /// Takes what work elsewhere did since it was last taken.
    #[inline]
    pub fn take(&self) -> Option<Carried> {
        if self.carries.load(Relaxed) { self.take_sum() } else { None }
    }

    #[cold]
    fn take_sum(&self) -> Option<Carried> {
        self.sum().take()
    }

    /// Takes what work elsewhere did until the end of the call; what comes later does not count for
    /// it.
    #[inline]
    pub fn close(&self) -> Option<Carried> {
        if self.carries.load(Relaxed) { self.close_sum() } else { None }
    }

    #[cold]
    fn close_sum(&self) -> Option<Carried> {
        let sum = self.sum();
        self.carries.store(false, Relaxed);
        sum.take()
    }

    /// Returns the net of the pending sum, in bytes; 0 if another thread has the lock.
    pub fn net(&self) -> i64 {
        if !self.carries.load(Relaxed) {
            return 0;
        }
        self.try_sum().map_or(0, |sum| sum.bytes().net())
    }
}

impl Sum<'_> {
    pub fn bytes(&self) -> Bytes {
        if self.0.is_some.load(Relaxed) { self.0.bytes.get() } else { Bytes::ZERO }
    }

    fn take(&self) -> Option<Carried> {
        let carried = Carried { bytes: self.0.bytes.get(), level: self.0.level.get() };
        self.0.is_some.swap(false, Relaxed).then_some(carried)
    }

    pub fn add(&self, bytes: Bytes, level: i64) {
        let cell = self.0;
        if cell.is_some.swap(true, Relaxed) {
            cell.bytes.add(bytes);
            cell.level.raise(level);
        } else {
            cell.bytes.set(bytes);
            cell.level.set(level);
        }
    }
}

impl Drop for Sum<'_> {
    fn drop(&mut self) {
        self.0.is_busy.store(false, Release);
    }
}
