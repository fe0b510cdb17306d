//! The record of a call that runs: its position, and what it has done.

use crate::runtime::calls::admission::Admission;
use crate::runtime::calls::carried::CarriedCell;
use crate::runtime::calls::frame::{Delta, Frame, Progress};
use crate::runtime::calls::published::Published;
use crate::runtime::readings::bytes::Bytes;
use crate::runtime::stats::call_tree::Position;
#[cfg(feature = "live")]
use crate::runtime::stats::live::owner::CallRef;
use crate::runtime::sync::atomic::{
    AtomicBool, AtomicU32, AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed,
    Ordering::Release, fence,
};
use crate::runtime::sync::static_ref::StaticRef;

/// One call that runs. The thread that runs it writes to it, except to `carried` (work elsewhere)
/// and to the two sums of a snapshot; any thread may read what it publishes.
///
/// All fields are atomics, and a record whose bytes are all 0 is free and clean. A record is clean
/// if only an entry has written to it since it was cleared.
#[repr(align(64))]
pub(crate) struct Record {
    /// The position of the call; `None` in a free record, and in that of a measurement.
    position: StaticRef<Position>,
    /// Changes when the call ends.
    serial: AtomicU32,
    /// The call began while its thread was unwinding.
    began_unwinding: AtomicBool,
    /// One of two threads is done with the call: the one that has its frame open, or the one that
    /// ended the call.
    is_lost: AtomicBool,
    /// True for work that was carried out of its `parent`.
    is_carried: AtomicBool,
    /// Index of the pool's page that the record is in.
    page: AtomicU32,
    /// When the call began, in ns of the coarse clock.
    started: AtomicU64,
    /// The next record in a chain of free ones.
    next: StaticRef<Record>,
    /// The frame around this one on its thread.
    outer: StaticRef<Record>,
    /// The call around this one, and the serial of that call.
    parent: StaticRef<Record>,
    parent_serial: AtomicU32,
    pub frame: Frame,
    pub published: Published,
    pub admission: Admission,
    pub carried: CarriedCell,
}

impl Record {
    /// Makes a record whose bytes are all 0 a free one, of the pool's page `page`.
    pub fn renew(&self, page: u32, serial: u32) {
        self.page.store(page, Relaxed);
        self.serial.store(serial, Relaxed);
    }

    pub fn page(&self) -> u32 {
        self.page.load(Relaxed)
    }

    /// Returns the next record in a chain of free ones.
    #[inline]
    pub fn next(&self) -> Option<&'static Record> {
        self.next.load(Relaxed)
    }

    #[inline]
    pub fn set_next(&self, next: Option<&'static Record>) {
        self.next.store(next, Relaxed);
    }

    /// Begins a call, which other threads see from now on. `started` is in ns of the coarse clock.
    #[inline]
    pub fn begin(
        &self,
        position: &'static Position,
        parent: Option<&'static Record>,
        started: u64,
    ) {
        // Release: other threads follow it, and the parent's record may have been made just now.
        self.parent.store(parent, Release);
        if let Some(parent) = parent {
            self.parent_serial.store(parent.serial(), Relaxed);
        }
        self.started.store(started, Relaxed);
        self.position.store(Some(position), Release);
    }

    /// Ends the call.
    #[inline]
    pub fn end(&self) {
        self.position.store(None, Relaxed);
        self.serial.store(self.serial.load(Relaxed).wrapping_add(1), Release);
        // Orders the end before whatever is written here from now on.
        fence(Release);
    }

    /// Makes the record clean; its call has ended.
    #[inline]
    pub fn clear(&self) {
        if self.frame.is_dirty() {
            self.frame.clear();
            self.published.clear();
            self.admission.clear();
            self.began_unwinding.store(false, Relaxed);
            self.is_carried.store(false, Relaxed);
            self.is_lost.store(false, Relaxed);
        }
    }

    /// Ends the call on a thread that does not have its frame open.
    pub fn lose(&self) {
        self.carried.close();
        self.end();
        self.admission.clear();
        self.frame.mark_dirty();
    }

    /// Records that one of two threads is done with a lost call. Returns whether the other is too.
    pub fn swap_lost(&self) -> bool {
        self.is_lost.swap(true, AcqRel)
    }

    /// Whether the call has ended on another thread than the one that has its frame open.
    #[inline]
    pub fn is_lost(&self) -> bool {
        self.is_lost.load(Acquire)
    }

    /// The frame around this one on its thread.
    #[inline]
    pub fn outer(&self) -> Option<&'static Record> {
        self.outer.load(Relaxed)
    }

    #[inline]
    pub fn set_outer(&self, outer: Option<&'static Record>) {
        self.outer.store(outer, Relaxed);
    }

    /// Returns the call around this one if it still runs: a call that has ended holds nothing.
    pub fn parent(&self) -> Option<&'static Record> {
        let serial = self.parent_serial.load(Relaxed);
        self.parent.load(Acquire).filter(|parent| parent.serial() == serial)
    }

    /// Publishes what the call holds when the counters stand at `now`.
    #[inline]
    pub fn publish(&self, now: Bytes) {
        self.published.set_held(self.frame.net(now));
        self.frame.mark_dirty();
    }

    /// Keeps what the call has done until its next frame is opened, given the delta of the closed
    /// one.
    #[inline]
    pub fn suspend(&self, left: Delta) -> Progress {
        let progress = self.frame.progress_of(left);
        if !matches!(left, Delta::Idle) {
            self.frame.keep(&progress);
            // The caller's own figures include it from now on.
            self.published.set_shared(progress.call.net());
            self.published.set_peak(progress.call_peak);
        }
        progress
    }

    /// Returns the position of the call.
    #[inline]
    pub fn position(&self) -> Option<&'static Position> {
        self.position.load(Relaxed)
    }

    #[inline]
    pub fn set_position(&self, position: &'static Position) {
        // Release: the position may have been created just now.
        self.position.store(Some(position), Release);
    }

    /// Returns the number that distinguishes this call from others with the same record.
    #[inline]
    pub fn serial(&self) -> u32 {
        self.serial.load(Relaxed)
    }

    /// Returns a reference to this call that can tell later whether it still runs.
    #[cfg(feature = "live")]
    pub fn call_ref(&'static self) -> CallRef {
        CallRef { serial: &self.serial, was: self.serial() }
    }

    /// Returns the call around this one if it still runs, with a reference that can tell later
    /// whether it does.
    #[cfg(feature = "live")]
    pub fn parent_ref(&self) -> Option<(&'static Record, CallRef)> {
        let was = self.parent_serial.load(Relaxed);
        let call = self.parent().map(|parent| (parent, CallRef { serial: &parent.serial, was }));
        call.filter(|(_, call)| call.is_running())
    }

    /// Returns when the call began, in ns of the coarse clock.
    pub fn started(&self) -> u64 {
        self.started.load(Relaxed)
    }

    #[inline]
    pub fn began_unwinding(&self) -> bool {
        self.began_unwinding.load(Relaxed)
    }

    #[cold]
    pub fn set_began_unwinding(&self) {
        self.began_unwinding.store(true, Relaxed);
        self.frame.mark_dirty();
    }

    pub fn is_carried(&self) -> bool {
        self.is_carried.load(Relaxed)
    }

    pub fn set_is_carried(&self) {
        self.is_carried.store(true, Relaxed);
        self.frame.mark_dirty();
    }

    /// Adds what work elsewhere did for the call with this serial; `peak` is the work's own, in
    /// bytes. Returns `false` if the call has ended.
    pub fn carry(&self, serial: u32, bytes: Bytes, peak: i64) -> bool {
        let sum = self.carried.sum();
        // In this order: if the flag belongs to the next call, that call's serial is visible as
        // well.
        if !self.carried.is_open() || self.serial() != serial {
            return false;
        }
        let before = self.published.held().wrapping_add(sum.bytes().net());
        sum.add(bytes, before.saturating_add(peak));
        true
    }
}

#[cfg(all(test, memprobe_loom))]
mod models;
