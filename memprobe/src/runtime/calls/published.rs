//! What a record tells other threads of its call; for them a moment old.

use std::sync::atomic::AtomicI64;

use crate::runtime::readings::bytes::NetCell;

/// The part of a record that others read.
pub(crate) struct Published {
    /// The call's net as it was last published.
    held: NetCell,
    /// What of it is in the caller's `held` too.
    shared: NetCell,
    /// The call's highest net as it was last published.
    peak: NetCell,
    /// What nested calls that run share with this one, and what work elsewhere has that this
    /// one does not count yet, as a snapshot adds it up.
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

    /// The call's net as it was last published.
    pub fn held(&self) -> i64 {
        self.held.get()
    }

    pub fn shared(&self) -> i64 {
        self.shared.get()
    }

    pub fn peak(&self) -> i64 {
        self.peak.get()
    }

    /// Publishes what the call holds, bytes.
    #[inline]
    pub fn set_held(&self, held: i64) {
        self.held.set(held);
    }

    /// Publishes what the call holds, which the caller's published value includes already.
    #[inline]
    pub fn set_shared(&self, held: i64) {
        self.held.set(held);
        self.shared.set(held);
    }

    /// Publishes the highest net of the call, bytes.
    #[inline]
    pub fn set_peak(&self, peak: i64) {
        self.peak.set(peak);
    }
}
