//! What a record publishes of its call for other threads, which see it a moment late.

use crate::runtime::readings::bytes::NetCell;
use crate::runtime::sync::atomic::AtomicI64;

/// The part of a record that other threads read.
pub(crate) struct Published {
    /// The call's net as it was last published, in bytes.
    held: NetCell,
    /// The part of `held` that the caller's `held` includes.
    shared: NetCell,
    /// The call's highest net as it was last published, in bytes.
    peak: NetCell,
    /// Sums that a snapshot writes: what running nested calls share with this one, and what work
    /// elsewhere holds that this one does not count yet.
    pub nested: AtomicI64,
    pub elsewhere: AtomicI64,
}

impl Published {
    #[inline]
    pub fn clear(&self) {
        self.held.set(0);
        self.shared.set(0);
        self.peak.set(0);
    }

    /// The call's net as it was last published, in bytes.
    pub fn held(&self) -> i64 {
        self.held.get()
    }

    pub fn shared(&self) -> i64 {
        self.shared.get()
    }

    pub fn peak(&self) -> i64 {
        self.peak.get()
    }

    /// Publishes what the call holds, in bytes.
    #[inline]
    pub fn set_held(&self, held: i64) {
        self.held.set(held);
    }

    /// Publishes what the call holds, in bytes; the caller's published value already includes it.
    #[inline]
    pub fn set_shared(&self, held: i64) {
        self.held.set(held);
        self.shared.set(held);
    }

    /// Publishes the highest net of the call, in bytes.
    #[inline]
    pub fn set_peak(&self, peak: i64) {
        self.peak.set(peak);
    }
}
