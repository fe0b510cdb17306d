//! The part of a record that is for the events of the call.

use crate::runtime::events::figures::Ids;
use crate::runtime::stats::call_tree::Segment;
use crate::runtime::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use crate::runtime::sync::static_ref::StaticRef;

/// The admission in a record. If the call was not admitted, only `call_id` and the highest level are
/// valid.
pub(crate) struct Admission {
    /// Counts from 1; 0 if the call was not admitted.
    call_id: AtomicU64,
    /// Id of the nearest admitted call around this one; 0 if there is none.
    parent_id: AtomicU64,
    /// When the entry had been written, in ns of the fine clock.
    started: AtomicU64,
    /// True for the first call of its function.
    cold: AtomicBool,
    /// The highest level so far, in bytes, and the segment that reached it.
    peak: AtomicU64,
    peak_segment: StaticRef<Segment>,
    /// The RSS in the last event, in bytes; 0 if the event had none.
    last_rss: AtomicU64,
}

impl Admission {
    pub fn set(&self, ids: Ids, started: u64, cold: bool) {
        self.parent_id.store(ids.parent.unwrap_or(0), Relaxed);
        self.started.store(started, Relaxed);
        self.cold.store(cold, Relaxed);
        self.last_rss.store(0, Relaxed);
        self.call_id.store(ids.call, Relaxed);
    }

    pub fn clear(&self) {
        self.call_id.store(0, Relaxed);
        self.peak.store(0, Relaxed);
        self.peak_segment.store(None, Relaxed);
    }

    #[inline]
    pub fn ids(&self) -> Option<Ids> {
        let some = |id: u64| (id > 0).then_some(id);
        let call = some(self.call_id.load(Relaxed))?;
        Some(Ids { call, parent: some(self.parent_id.load(Relaxed)) })
    }

    /// Returns when the entry had been written, in ns of the fine clock.
    pub fn started(&self) -> u64 {
        self.started.load(Relaxed)
    }

    pub fn is_cold(&self) -> bool {
        self.cold.load(Relaxed)
    }

    /// Records that the call passed `segment` and reached `level` in it, in bytes.
    #[inline]
    pub fn pass(&self, segment: &'static Segment, level: u64) {
        if level > self.peak.load(Relaxed) {
            self.peak.store(level, Relaxed);
            self.peak_segment.store(Some(segment), Relaxed);
        }
    }

    /// Returns the segment in which the call was highest, given its last one and the level reached in
    /// that, in bytes.
    pub fn peak_segment(&self, last: &'static Segment, level: u64) -> &'static Segment {
        match self.peak_segment.load(Relaxed) {
            Some(segment) if self.peak.load(Relaxed) >= level => segment,
            _ => last,
        }
    }

    pub fn set_last_rss(&self, rss: Option<u64>) {
        self.last_rss.store(rss.unwrap_or(0), Relaxed);
    }

    pub fn last_rss(&self) -> Option<u64> {
        Some(self.last_rss.load(Relaxed)).filter(|&rss| rss > 0)
    }
}
