//! The record of a call that runs: where it is, and what it has done.

use std::sync::atomic::{
    AtomicBool, AtomicU32, AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed,
    Ordering::Release, fence,
};

use crate::carried::CarriedCell;
use crate::flight::Shown;
use crate::meter::Frame;
use crate::pool;
use crate::segment::Stage;
use crate::static_ref::StaticRef;
use crate::ticket::Ticket;

/// One call that runs. Written by the thread that runs it, but for `carried` (by work elsewhere)
/// and what [`flight::each_running`](crate::flight::each_running) adds up; any other may read what it
/// shows.
///
/// All of it is atomics, and a record whose bytes are all 0 is free: see [`pool`].
#[repr(align(64))]
pub(crate) struct Record {
    /// Where the call is; none in a free record, and in that of a measurement.
    stage: StaticRef<Stage>,
    /// Changes when the call ends.
    serial: AtomicU32,
    /// The call began while its thread was unwinding.
    began_unwinding: AtomicBool,
    /// The call has ended on another thread than the one that has its frame open.
    is_lost: AtomicBool,
    /// It is work that was carried out of the call that it has for a caller.
    is_carried: AtomicBool,
    /// Which page of the pool the record is in.
    page: AtomicU32,
    /// When the call began, by the coarse clock, in ns.
    started: AtomicU64,
    /// The next free record.
    next: StaticRef<Record>,
    pub frame: Frame,
    pub shown: Shown,
    pub ticket: Ticket,
    pub carried: CarriedCell,
}

impl Record {
    /// Makes a record whose bytes are all 0 a free one of the pool's page `page`.
    pub fn renew(&self, page: u32, serial: u32) {
        self.page.store(page, Relaxed);
        self.serial.store(serial, Relaxed);
    }

    pub fn page(&self) -> u32 {
        self.page.load(Relaxed)
    }

    /// The next in a chain of free records.
    #[inline]
    pub fn next(&self) -> Option<&'static Record> {
        self.next.load(Relaxed)
    }

    #[inline]
    pub fn set_next(&self, next: Option<&'static Record>) {
        self.next.store(next, Relaxed);
    }

    /// From now on others see a call here, which began at `started` by the coarse clock.
    #[inline]
    pub fn begin(&self, stage: &'static Stage, caller: Option<&'static Record>, started: u64) {
        self.shown.set_caller(caller);
        self.started.store(started, Relaxed);
        self.stage.store(Some(stage), Release);
    }

    /// Gives the record back.
    #[inline]
    pub fn give(&'static self) {
        self.end();
        self.give_ended();
    }

    fn give_ended(&'static self) {
        if self.frame.has_moved() {
            self.frame.clear();
            self.shown.clear();
            self.ticket.clear();
            self.began_unwinding.store(false, Relaxed);
            self.is_carried.store(false, Relaxed);
        }
        pool::give(self);
    }

    /// Gives a record back to which nothing but the entry of the call has written, so that
    /// nothing needs clearing.
    #[inline]
    pub fn give_untouched(&'static self) {
        self.end();
        pool::give(self);
    }

    /// Ends the call on a thread that is not the one that has its frame open. That one takes the
    /// frame out of its chain, and gives the record back.
    pub fn lose(&'static self) {
        self.carried.close();
        self.end();
        self.ticket.clear();
        self.frame.set_moved();
        self.leave_to_others();
    }

    /// Done by both threads, the one that has the frame open and the one that has ended the
    /// call; the second gives the record back.
    pub fn leave_to_others(&'static self) {
        if self.is_lost.swap(true, AcqRel) {
            self.give_lost();
        }
    }

    /// Whether the call was ended by [`lose`](Record::lose).
    #[inline]
    pub fn is_lost(&self) -> bool {
        self.is_lost.load(Acquire)
    }

    /// Gives the record of a lost call back.
    pub fn give_lost(&'static self) {
        self.is_lost.store(false, Relaxed);
        self.give_ended();
    }

    #[inline]
    fn end(&self) {
        self.stage.store(None, Relaxed);
        self.serial.store(self.serial.load(Relaxed).wrapping_add(1), Release);
        // Before what is written here from now on.
        fence(Release);
    }

    /// Where the call is.
    #[inline]
    pub fn stage(&self) -> Option<&'static Stage> {
        self.stage.load(Relaxed)
    }

    #[inline]
    pub fn set_stage(&self, stage: &'static Stage) {
        // It may have been made just now.
        self.stage.store(Some(stage), Release);
    }

    /// Tells this call from others that the record is for.
    #[inline]
    pub fn serial(&self) -> u32 {
        self.serial.load(Relaxed)
    }

    /// ns by the coarse clock.
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
        self.frame.set_moved();
    }

    pub fn is_carried(&self) -> bool {
        self.is_carried.load(Relaxed)
    }

    pub fn set_is_carried(&self) {
        self.is_carried.store(true, Relaxed);
        self.frame.set_moved();
    }
}
