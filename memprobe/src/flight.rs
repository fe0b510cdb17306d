//! The calls that run now: a record of each, which any thread may read at any time.
//!
//! Records are never freed. A call takes one from its thread and gives it back to the thread
//! on which it ends.

use std::cell::Cell;
use std::sync::atomic::{
    AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering::AcqRel, Ordering::Acquire,
    Ordering::Relaxed, Ordering::Release, fence,
};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::bytes::Bytes;
use crate::list::List;
use crate::meter::{Progress, Quiet};
use crate::segment::Stage;
use crate::static_ref::StaticRef;

/// One call that runs. Written by the thread that runs it; for others a moment old.
#[repr(align(64))]
pub(crate) struct Record {
    /// Where the call is; none while the record is free.
    stage: StaticRef<Stage>,
    /// Changes when the record is given back.
    serial: AtomicU32,
    /// The call around this one, and its serial then.
    caller_serial: AtomicU32,
    caller: StaticRef<Record>,
    /// When the call began, by the coarse clock, in ns.
    started: AtomicU64,
    /// The call's net as it was last shown.
    held: AtomicI64,
    /// What of it is in the caller's `held` too.
    shared: AtomicI64,
    /// The call's highest net as it was last shown.
    peak: AtomicI64,
    /// The next free record.
    next: StaticRef<Record>,
    /// Work was carried out of the call.
    carries: AtomicBool,
    saved: Saved,
    /// What that work has done and the call does not count yet.
    pending: Mutex<Carried>,
}

/// What work elsewhere has done for a call.
#[derive(Clone, Copy)]
pub(crate) struct Carried {
    pub bytes: Bytes,
    /// The highest net of the call that it led to, as far as that can be told.
    pub level: i64,
}

impl Carried {
    const NOTHING: Carried = Carried { bytes: Bytes::ZERO, level: 0 };
}

/// What an async call has done, between two of its polls.
struct Saved {
    call_allocated: AtomicU64,
    call_freed: AtomicU64,
    segment_allocated: AtomicU64,
    segment_freed: AtomicU64,
    nested_allocated: AtomicU64,
    nested_freed: AtomicU64,
    call_peak: AtomicI64,
    segment_peak: AtomicI64,
    self_peak: AtomicI64,
    children_kept: AtomicI64,
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
}

/// Leaves the records of its thread to the others.
struct Keeper;

impl Drop for Keeper {
    fn drop(&mut self) {
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

/// A chain of free records: what others have left, or new ones.
#[cold]
fn more() -> &'static Record {
    let _quiet = Quiet::begin();
    // Past its destructors a thread keeps what it takes.
    let _ = KEEPER.try_with(|_| ());
    if let Some(chain) = SPARE.swap(None, AcqRel) {
        return chain;
    }
    let chunk = CHUNKS.add([const { Record::new() }; CHUNK], |_| false);
    for pair in chunk.windows(2) {
        pair[0].next.store(Some(&pair[1]), Relaxed);
    }
    &chunk[0]
}

impl Record {
    const fn new() -> Record {
        Record {
            stage: StaticRef::none(),
            serial: AtomicU32::new(0),
            caller_serial: AtomicU32::new(0),
            caller: StaticRef::none(),
            started: AtomicU64::new(0),
            held: AtomicI64::new(0),
            shared: AtomicI64::new(0),
            peak: AtomicI64::new(0),
            next: StaticRef::none(),
            carries: AtomicBool::new(false),
            saved: Saved::new(),
            pending: Mutex::new(Carried::NOTHING),
        }
    }

    /// A record for a call that begins now.
    #[inline]
    pub fn take(
        stage: &'static Stage,
        caller: Option<&'static Record>,
        started: u64,
    ) -> &'static Record {
        let record = FREE.get().unwrap_or_else(more);
        FREE.set(record.next.load(Relaxed));
        record.caller.store(caller, Relaxed);
        if let Some(caller) = caller {
            record.caller_serial.store(caller.serial.load(Relaxed), Relaxed);
        }
        record.started.store(started, Relaxed);
        record.held.store(0, Relaxed);
        record.shared.store(0, Relaxed);
        record.peak.store(0, Relaxed);
        record.stage.store(Some(stage), Release);
        record
    }

    /// Gives the record of a call that has ended back.
    #[inline]
    pub fn give(&'static self) {
        self.stage.store(None, Relaxed);
        self.serial.store(self.serial.load(Relaxed).wrapping_add(1), Relaxed);
        // Before what the next call writes here.
        fence(Release);
        self.next.store(FREE.get(), Relaxed);
        FREE.set(Some(self));
    }

    /// Where the call is.
    #[inline]
    pub fn set_stage(&self, stage: &'static Stage) {
        self.stage.store(Some(stage), Relaxed);
    }

    /// Only for the call itself.
    #[inline]
    pub fn stage(&self) -> Option<&'static Stage> {
        self.stage.load(Relaxed)
    }

    /// Shows what the call holds, bytes.
    #[inline]
    pub fn show_held(&self, held: i64) {
        self.held.store(held, Relaxed);
    }

    /// The same where the caller's `held` is as new, and has it too.
    pub fn show_shared(&self, held: i64) {
        self.held.store(held, Relaxed);
        self.shared.store(held, Relaxed);
    }

    /// Shows the highest net of the call, bytes.
    #[inline]
    pub fn show_peak(&self, peak: i64) {
        self.peak.store(peak, Relaxed);
    }

    /// Tells this call from others that the record is for.
    #[inline]
    pub fn serial(&self) -> u32 {
        self.serial.load(Relaxed)
    }

    /// From now on work elsewhere may count for the call.
    pub fn set_carries(&self) {
        self.carries.store(true, Relaxed);
    }

    /// Adds what work elsewhere did for the call with this serial, and which `peak` it had
    /// itself; `false` if the call has ended.
    pub fn carry(&self, serial: u32, bytes: Bytes, peak: i64) -> bool {
        let mut pending = self.pending();
        if self.serial.load(Relaxed) != serial || !self.carries.load(Relaxed) {
            return false;
        }
        let before = self.held.load(Relaxed).wrapping_add(pending.bytes.net());
        pending.level = pending.level.max(before.saturating_add(peak));
        pending.bytes = pending.bytes.plus(bytes);
        true
    }

    /// What work elsewhere did since this was last asked.
    #[inline]
    pub fn take_carried(&self) -> Option<Carried> {
        self.carries.load(Relaxed).then(|| self.take_pending())
    }

    #[cold]
    fn take_pending(&self) -> Carried {
        std::mem::replace(&mut *self.pending(), Carried::NOTHING)
    }

    /// The same at the end of the call: what comes later finds nobody.
    #[inline]
    pub fn close_carried(&self) -> Option<Carried> {
        self.carries.load(Relaxed).then(|| self.close_pending())
    }

    #[cold]
    fn close_pending(&self) -> Carried {
        let mut pending = self.pending();
        self.carries.store(false, Relaxed);
        std::mem::replace(&mut *pending, Carried::NOTHING)
    }

    /// Net of what is pending, if nobody is at it right now.
    fn pending_net(&self) -> i64 {
        if !self.carries.load(Relaxed) {
            return 0;
        }
        self.pending.try_lock().map_or(0, |pending| pending.bytes.net())
    }

    fn pending(&self) -> MutexGuard<'_, Carried> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the progress of a call between two polls.
    #[inline]
    pub fn save(&self, progress: &Progress) {
        let net = progress.call.net();
        self.held.store(net, Relaxed);
        // The caller's own figures have it from now on.
        self.shared.store(net, Relaxed);
        self.peak.store(progress.call_peak, Relaxed);
        self.saved.write(progress);
    }

    /// The progress that was kept.
    #[inline]
    pub fn saved(&self) -> Progress {
        self.saved.read()
    }
}

impl Saved {
    const fn new() -> Saved {
        Saved {
            call_allocated: AtomicU64::new(0),
            call_freed: AtomicU64::new(0),
            segment_allocated: AtomicU64::new(0),
            segment_freed: AtomicU64::new(0),
            nested_allocated: AtomicU64::new(0),
            nested_freed: AtomicU64::new(0),
            call_peak: AtomicI64::new(0),
            segment_peak: AtomicI64::new(0),
            self_peak: AtomicI64::new(0),
            children_kept: AtomicI64::new(0),
        }
    }

    #[inline]
    fn write(&self, progress: &Progress) {
        self.call_allocated.store(progress.call.allocated, Relaxed);
        self.call_freed.store(progress.call.freed, Relaxed);
        self.segment_allocated.store(progress.segment.allocated, Relaxed);
        self.segment_freed.store(progress.segment.freed, Relaxed);
        self.nested_allocated.store(progress.nested.allocated, Relaxed);
        self.nested_freed.store(progress.nested.freed, Relaxed);
        self.call_peak.store(progress.call_peak, Relaxed);
        self.segment_peak.store(progress.segment_peak, Relaxed);
        self.self_peak.store(progress.self_peak, Relaxed);
        self.children_kept.store(progress.children_kept, Relaxed);
    }

    #[inline]
    fn read(&self) -> Progress {
        let bytes = |allocated: &AtomicU64, freed: &AtomicU64| Bytes {
            allocated: allocated.load(Relaxed),
            freed: freed.load(Relaxed),
        };
        Progress {
            call: bytes(&self.call_allocated, &self.call_freed),
            segment: bytes(&self.segment_allocated, &self.segment_freed),
            nested: bytes(&self.nested_allocated, &self.nested_freed),
            call_peak: self.call_peak.load(Relaxed),
            segment_peak: self.segment_peak.load(Relaxed),
            self_peak: self.self_peak.load(Relaxed),
            children_kept: self.children_kept.load(Relaxed),
        }
    }
}

/// What a record shows of its call.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    pub stage: &'static Stage,
    /// ns by the coarse clock.
    pub started: u64,
    /// Net of the call, with nested ones.
    pub held: i64,
    pub peak: i64,
    record: &'static Record,
    caller: Option<&'static Record>,
    shared: i64,
}

impl Record {
    /// What the record shows; `None` if it is free, or was given back meanwhile.
    fn look(&'static self) -> Option<Seen> {
        let serial = self.serial.load(Acquire);
        let stage = self.stage.load(Acquire)?;
        let caller = self.caller.load(Relaxed);
        let caller_serial = self.caller_serial.load(Relaxed);
        let seen = Seen {
            stage,
            started: self.started.load(Relaxed),
            held: self.held.load(Relaxed).wrapping_add(self.pending_net()),
            peak: self.peak.load(Relaxed),
            record: self,
            // A caller that has ended holds nothing.
            caller: caller.filter(|caller| caller.serial.load(Relaxed) == caller_serial),
            shared: self.shared.load(Relaxed),
        };
        fence(Acquire);
        (self.serial.load(Relaxed) == serial).then_some(seen)
    }
}

impl Seen {
    /// Tells calls apart.
    pub fn id(&self) -> *const Record {
        std::ptr::from_ref(self.record)
    }

    /// The caller, if it runs still, and what of its `held` is also in this call's.
    pub fn shared(&self) -> Option<(*const Record, i64)> {
        Some((std::ptr::from_ref(self.caller?), self.shared))
    }
}

/// The calls that run now. Allocates nothing and takes no lock.
pub(crate) fn running() -> impl Iterator<Item = Seen> {
    CHUNKS.iter().flatten().filter_map(Record::look)
}
