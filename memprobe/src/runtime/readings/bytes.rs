//! Counters of allocated and freed bytes, and their net.

use crate::runtime::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

/// Bytes allocated and freed, as usable (size-class) bytes: a thread's counters, or the
/// difference of two readings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bytes {
    pub allocated: u64,
    pub freed: u64,
}

impl Bytes {
    pub const ZERO: Bytes = Bytes { allocated: 0, freed: 0 };

    /// Returns `allocated − freed`, which is exact even if a counter has wrapped below zero.
    #[inline]
    pub fn net(self) -> i64 {
        self.allocated.wrapping_sub(self.freed) as i64
    }

    #[inline]
    pub fn since(self, start: Bytes) -> Bytes {
        Bytes {
            allocated: self.allocated.wrapping_sub(start.allocated),
            freed: self.freed.wrapping_sub(start.freed),
        }
    }

    #[inline]
    pub fn plus(self, more: Bytes) -> Bytes {
        Bytes {
            allocated: self.allocated.wrapping_add(more.allocated),
            freed: self.freed.wrapping_add(more.freed),
        }
    }
}

/// [`Bytes`] in a record, which one thread at a time reads and writes.
#[derive(Default)]
pub(crate) struct BytesCell {
    allocated: AtomicU64,
    freed: AtomicU64,
}

impl BytesCell {
    #[inline]
    pub fn get(&self) -> Bytes {
        Bytes { allocated: self.allocated.load(Relaxed), freed: self.freed.load(Relaxed) }
    }

    #[inline]
    pub fn set(&self, bytes: Bytes) {
        self.allocated.store(bytes.allocated, Relaxed);
        self.freed.store(bytes.freed, Relaxed);
    }

    #[inline]
    pub fn add(&self, bytes: Bytes) {
        self.set(self.get().plus(bytes));
    }
}

/// A net in a record. One thread at a time writes it, and others may read it.
#[derive(Default)]
pub(crate) struct NetCell(AtomicI64);

impl NetCell {
    #[inline]
    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }

    #[inline]
    pub fn set(&self, net: i64) {
        self.0.store(net, Relaxed);
    }

    #[inline]
    pub fn add(&self, net: i64) {
        self.set(self.get().wrapping_add(net));
    }

    #[inline]
    pub fn raise(&self, net: i64) {
        self.set(self.get().max(net));
    }
}
