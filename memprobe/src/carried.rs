//! What work elsewhere has done for a call that runs.

use std::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::bytes::Bytes;
use crate::record::Record;

/// What work elsewhere has done for a call, and the call does not count yet.
pub(crate) struct CarriedCell {
    /// Work was carried out of the call.
    carries: AtomicBool,
    sum: Mutex<Carried>,
}

#[derive(Clone, Copy)]
pub(crate) struct Carried {
    pub bytes: Bytes,
    /// The highest net of the call that it led to, as far as that can be told.
    pub level: i64,
}

impl Carried {
    /// Below what any call may have come to.
    const NOTHING: Carried = Carried { bytes: Bytes::ZERO, level: i64::MIN / 4 };
}

impl CarriedCell {
    pub const fn new() -> CarriedCell {
        CarriedCell { carries: AtomicBool::new(false), sum: Mutex::new(Carried::NOTHING) }
    }

    fn sum(&self) -> MutexGuard<'_, Carried> {
        self.sum.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What work elsewhere did since this was last asked.
    #[inline]
    pub fn take(&self) -> Option<Carried> {
        self.carries.load(Relaxed).then(|| self.take_sum())
    }

    #[cold]
    fn take_sum(&self) -> Carried {
        std::mem::replace(&mut *self.sum(), Carried::NOTHING)
    }

    /// The same at the end of the call: what comes later finds nobody.
    #[inline]
    pub fn close(&self) -> Option<Carried> {
        self.carries.load(Relaxed).then(|| self.close_sum())
    }

    #[cold]
    fn close_sum(&self) -> Carried {
        let mut sum = self.sum();
        self.carries.store(false, Relaxed);
        std::mem::replace(&mut *sum, Carried::NOTHING)
    }

    /// Net of what is pending, if nobody is at it right now.
    pub fn net(&self) -> i64 {
        if !self.carries.load(Relaxed) {
            return 0;
        }
        self.sum.try_lock().map_or(0, |sum| sum.bytes.net())
    }
}

impl Record {
    /// From now on work elsewhere may count for the call.
    pub fn set_carries(&self) {
        self.carried.carries.store(true, Release);
    }

    /// Adds what work elsewhere did for the call with this serial, and which `peak` it had
    /// itself; `false` if the call has ended.
    pub fn carry(&self, serial: u32, bytes: Bytes, peak: i64) -> bool {
        let mut sum = self.carried.sum();
        // In this order: the flag may be of the next call, whose serial is then seen as well.
        if !self.carried.carries.load(Acquire) || self.serial() != serial {
            return false;
        }
        let before = self.shown.held().wrapping_add(sum.bytes.net());
        sum.level = sum.level.max(before.saturating_add(peak));
        sum.bytes = sum.bytes.plus(bytes);
        true
    }
}
