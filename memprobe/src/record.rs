//! The records of the calls that run: where each is, and what it has done.
//!
//! Records are never freed. A call takes one from its thread and gives it back to the thread
//! on which it ends.

use std::cell::Cell;
use std::sync::atomic::{
    AtomicBool, AtomicU32, AtomicU64, Ordering::AcqRel, Ordering::Relaxed, Ordering::Release, fence,
};

use crate::carried::CarriedCell;
use crate::flight::Shown;
use crate::list::List;
use crate::meter::{Frame, Quiet};
use crate::segment::Stage;
use crate::static_ref::StaticRef;
use crate::ticket::Ticket;

/// One call that runs. Written by the thread that runs it, but for `carried` (by work elsewhere)
/// and what [`flight::each_own`](crate::flight::each_own) adds up; any other may read what it
/// shows.
#[repr(align(64))]
pub(crate) struct Record {
    /// Where the call is; none in a free record, and in that of a measurement.
    stage: StaticRef<Stage>,
    /// Changes when the record is given back.
    serial: AtomicU32,
    /// The call began while its thread was unwinding.
    began_unwinding: AtomicBool,
    /// When the call began, by the coarse clock, in ns.
    started: AtomicU64,
    /// The next free record.
    next: StaticRef<Record>,
    pub frame: Frame,
    pub shown: Shown,
    pub ticket: Ticket,
    pub carried: CarriedCell,
}

/// Records that are made at once, for the few calls that most threads have at a time.
const CHUNK: usize = 4;
/// Free records that a thread keeps of calls that may begin on one thread and end on another:
/// there they would pile up.
const KEPT: u32 = 64;

static CHUNKS: List<[Record; CHUNK]> = List::new();
/// A chain of records that no thread keeps.
static SPARE: StaticRef<Record> = StaticRef::none();

thread_local! {
    static FREE: Cell<Option<&'static Record>> = const { Cell::new(None) };
    /// How many more calls that may move have ended here than begun.
    static SURPLUS: Cell<u32> = const { Cell::new(0) };
    static KEEPER: Keeper = const { Keeper };
    /// The keeper will run when this thread ends.
    static IS_KEPT: Cell<bool> = const { Cell::new(false) };
}

/// Leaves the records of its thread to the others.
struct Keeper;

impl Drop for Keeper {
    fn drop(&mut self) {
        IS_KEPT.set(false);
        leave_free_records();
    }
}

/// Counts a call that may move between threads, and that begins here.
pub(crate) fn begins_here() {
    SURPLUS.set(SURPLUS.get().saturating_sub(1));
}

/// Counts one that ends here.
pub(crate) fn ends_here() {
    let surplus = SURPLUS.get() + 1;
    SURPLUS.set(surplus);
    if surplus > KEPT {
        leave_free_records();
    }
}

#[cold]
#[inline(never)]
fn leave_free_records() {
    SURPLUS.set(0);
    let Some(first) = FREE.take() else { return };
    let mut last = first;
    while let Some(next) = last.next.load(Relaxed) {
        last = next;
    }
    let mut spare = SPARE.load(Relaxed);
    loop {
        last.next.store(spare, Relaxed);
        match SPARE.replace(spare, first, AcqRel) {
            Ok(()) => return,
            Err(now) => spare = now,
        }
    }
}

/// Sees to it that this thread leaves its free records when it ends. Past its destructors it
/// does so at once.
#[cold]
#[inline(never)]
fn keep() {
    let _quiet = Quiet::begin();
    if KEEPER.try_with(|_| IS_KEPT.set(true)).is_err() {
        leave_free_records();
    }
}

/// A chain of free records: what others have left, or new ones.
#[cold]
fn more() -> &'static Record {
    let _quiet = Quiet::begin();
    keep();
    SPARE.swap(None, AcqRel).unwrap_or_else(new_chain)
}

fn new_chain() -> &'static Record {
    let chunk = CHUNKS.add([const { Record::new() }; CHUNK], |_| false);
    for pair in chunk.windows(2) {
        pair[0].next.store(Some(&pair[1]), Relaxed);
    }
    &chunk[0]
}

/// All records, with those that are free.
pub(crate) fn all() -> impl Iterator<Item = &'static Record> {
    CHUNKS.iter().flatten()
}

impl Record {
    const fn new() -> Record {
        Record {
            stage: StaticRef::none(),
            serial: AtomicU32::new(0),
            began_unwinding: AtomicBool::new(false),
            started: AtomicU64::new(0),
            next: StaticRef::none(),
            frame: Frame::new(),
            shown: Shown::new(),
            ticket: Ticket::new(),
            carried: CarriedCell::new(),
        }
    }

    /// A free record.
    #[inline]
    pub fn take() -> &'static Record {
        let record = FREE.get().unwrap_or_else(more);
        FREE.set(record.next.load(Relaxed));
        record
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
        if self.frame.has_moved() {
            self.frame.clear();
            self.shown.clear();
            self.ticket.clear();
            self.began_unwinding.store(false, Relaxed);
        }
        self.free();
    }

    /// The same where nothing but the entry of the call has written to it: it is as new.
    #[inline]
    pub fn give_untouched(&'static self) {
        self.end();
        self.free();
    }

    #[inline]
    fn end(&self) {
        self.stage.store(None, Relaxed);
        self.serial.store(self.serial.load(Relaxed).wrapping_add(1), Release);
        // Before what is written here from now on.
        fence(Release);
    }

    #[inline]
    fn free(&'static self) {
        self.next.store(FREE.get(), Relaxed);
        FREE.set(Some(self));
        if !IS_KEPT.get() {
            // It ends calls that began elsewhere, or itself.
            keep();
        }
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
}
