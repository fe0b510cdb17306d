//! Exact bytes of one thread, nested: the logical counters, the one peak slot that jemalloc
//! has for each thread, and the chain of frames that share it.
//!
//! All state of a thread is plain `Cell`s without a destructor, so that it can be used from
//! inside the allocator and from late thread-local destructors.

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::bytes::{Bytes, BytesCell, NetCell};
use crate::jemalloc::{Counters, Peak};
use crate::pool;
use crate::record::Record;
use crate::static_ref::StaticRef;

struct Thread {
    counters: Cell<Option<Counters>>,
    peak: Cell<Option<&'static Peak>>,
    /// The raw counters at the last reset of the peak slot.
    base: Cell<Bytes>,
    /// What is taken off the raw counters: what memprobe and the subscriber spent on this thread,
    /// and what carried work did here, which is no business of the frames around it.
    spent: Cell<Bytes>,
    /// The innermost open frame.
    innermost: Cell<Option<&'static Record>>,
    /// memprobe itself is at work: nothing is measured.
    quiet: Cell<bool>,
    /// A `realloc` came through memprobe's allocator while memprobe was at work.
    realloc_seen: Cell<bool>,
    /// The raw counters that growth is counted from: those at the last callback of the
    /// allocator, or as `has_grown_by` left them.
    called_back: Cell<Bytes>,
    /// Size of the block that a `realloc` in progress replaces: counted still, and gone when it
    /// is done.
    replaced: Cell<u64>,
}

thread_local! {
    static THREAD: Thread = const {
        Thread {
            counters: Cell::new(None),
            peak: Cell::new(None),
            base: Cell::new(Bytes::ZERO),
            spent: Cell::new(Bytes::ZERO),
            innermost: Cell::new(None),
            quiet: Cell::new(false),
            realloc_seen: Cell::new(false),
            called_back: Cell::new(Bytes::ZERO),
            replaced: Cell::new(0),
        }
    };
}

/// jemalloc itself looks at a thread's net only each time it has allocated this much
/// (`PEAK_EVENT_WAIT`), so a peak may be this much under. Where less was allocated from one
/// point to the next, it cannot be more under than that, and is not asked for.
const PEAK_STEP: u64 = 64 << 10;

/// The state of this thread.
#[inline]
fn thread() -> &'static Thread {
    let thread = THREAD.with(ptr::from_ref);
    // SAFETY: it has no destructor and lives as long as its thread, which a reference to it
    // cannot leave, because the state is not `Sync`.
    unsafe { &*thread }
}

impl Thread {
    #[inline]
    fn raw(&self) -> Bytes {
        match self.counters.get() {
            Some(counters) => counters.read(),
            None => self.start(),
        }
    }

    #[cold]
    fn start(&self) -> Bytes {
        let counters = Counters::of_this_thread();
        self.counters.set(Some(counters));
        self.peak.set(Peak::get());
        let raw = counters.read();
        self.rebase(raw);
        raw
    }

    /// The logical counters: the raw ones without `spent`.
    #[inline]
    fn logical(&self, raw: Bytes) -> Bytes {
        raw.since(self.spent.get())
    }

    /// Starts a new interval of the peak slot.
    #[inline]
    fn rebase(&self, raw: Bytes) {
        if let Some(peak) = self.peak.get() {
            peak.reset();
        }
        self.base.set(raw);
    }

    /// Hands what the peak slot holds to the innermost frame, and starts a new interval.
    /// Gives the logical counters.
    #[inline]
    fn fold(&self) -> Bytes {
        let raw = self.raw();
        if raw != self.base.get() {
            self.fold_moved(raw);
        }
        self.logical(raw)
    }

    #[inline(never)]
    fn fold_moved(&self, raw: Bytes) {
        if let Some(innermost) = self.innermost.get() {
            innermost.frame.raise_own(self.highest(raw));
            innermost.show(self.logical(raw));
        }
        self.rebase(raw);
    }

    /// The highest net since the base.
    #[inline]
    fn highest(&self, raw: Bytes) -> i64 {
        let (base, now) = (self.base.get(), self.logical(raw).net());
        if raw.allocated.wrapping_sub(base.allocated) < PEAK_STEP {
            return now;
        }
        let above = self.peak.get().map_or(0, Peak::read);
        now.max(self.logical(base).net() + above as i64)
    }

    /// Shows what the open calls hold at these logical counters: the innermost ones, so that a
    /// deep recursion costs no more than a shallow one. The others are shown as they were.
    fn show(&self, mut now: Bytes) {
        const MOST: usize = 1000;
        for (at, record) in self.chain().enumerate() {
            let frame = &record.frame;
            if frame.apart.load(Relaxed) {
                record.shown.set_held(frame.net(now));
                // The frames around it have nothing of what it does.
                now = frame.entered.get();
            } else if at < MOST {
                record.shown.set_shared(frame.net(now));
            } else {
                // Its caller is not shown anew.
                record.shown.set_held(frame.net(now));
            }
            frame.set_moved();
            if at == MOST {
                return;
            }
        }
    }

    /// Folds for a frame that is left before those in it: the highest net is one of all of them.
    fn fold_within(&self, record: &'static Record) {
        let raw = self.raw();
        let highest = self.highest(raw);
        for inner in self.chain() {
            inner.frame.raise(highest);
            if ptr::eq(inner, record) {
                break;
            }
        }
        self.rebase(raw);
    }

    /// Closes the innermost frames whose calls have ended on another thread.
    #[cold]
    #[inline(never)]
    fn close_lost(&self) {
        while let Some(record) = self.innermost.get().filter(|record| record.is_lost()) {
            record.frame.fold_last(self, self.raw());
            self.innermost.set(record.frame.caller());
            record.give_lost();
        }
    }

    /// The open frames, the innermost first.
    #[inline]
    fn chain(&self) -> impl Iterator<Item = &'static Record> + use<> {
        outwards(self.innermost.get())
    }
}

#[inline]
fn outwards(from: Option<&'static Record>) -> impl Iterator<Item = &'static Record> {
    std::iter::successors(from, |record| record.frame.caller())
}

/// The meter's part of a record: one open call, or one poll of one, in the chain of its
/// thread.
///
/// But for the first four, all is 0 where nothing was allocated or freed yet. Levels are nets
/// of the thread, above that at `entered`.
///
/// Only the thread on which a frame was entered changes the chain that it is in. So the chain is
/// always a finite list, whatever coroutines do: a frame is added when its record is in no
/// chain, and a record is given back, or its call resumed, when its frame is in none.
pub(crate) struct Frame {
    caller: StaticRef<Record>,
    /// The logical counters when the frame was entered.
    entered: BytesCell,
    /// Something of the rest may not be 0.
    moved: AtomicBool,
    /// What it does is no business of its caller on this thread.
    apart: AtomicBool,
    /// What the call had done when the frame was entered, and what work elsewhere has done
    /// since. Where the segment began after that, it is what the frame had done before it,
    /// negative: so that with what the frame has done it is what the segment has.
    call: BytesCell,
    segment: BytesCell,
    /// What nested calls did in this segment.
    nested: BytesCell,
    /// Net of what nested calls did in this call.
    children_kept: NetCell,
    /// What work elsewhere did for the call since the frame was entered.
    credited: BytesCell,
    /// Highest level since the frame was entered: in this segment of it, in all, and in all
    /// while this was the innermost frame, less what nested calls had kept.
    segment_max: NetCell,
    call_max: NetCell,
    self_max: NetCell,
    /// The peaks of earlier polls. Apart, because they are no business of today's caller.
    earlier_segment_peak: NetCell,
    earlier_call_peak: NetCell,
    earlier_self_peak: NetCell,
}

/// What a call has done so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    pub call: Bytes,
    /// Highest net of the call above its start.
    pub call_peak: i64,
    pub segment: Bytes,
    pub nested: Bytes,
    /// Highest net of the segment above its start.
    pub segment_peak: i64,
    /// Highest net of the call while it was the innermost, less what nested calls had kept.
    pub self_peak: i64,
}

impl Progress {
    /// Highest net in the segment above the start of the call.
    pub fn level(&self) -> u64 {
        let before = self.call.net().wrapping_sub(self.segment.net());
        before.wrapping_add(self.segment_peak).max(0) as u64
    }
}

/// Opens a frame on this thread; `None`, and nothing is opened, while memprobe itself is at
/// work.
#[inline]
pub(crate) fn enter() -> Option<&'static Record> {
    let thread = thread();
    if thread.quiet.get() {
        return None;
    }
    let record = pool::take()?;
    record.frame.link(thread, record);
    Some(record)
}

/// Opens the frame of a call that goes on; `false`, and nothing is opened, while memprobe
/// itself is at work.
#[inline]
pub(crate) fn resume(record: &'static Record) -> bool {
    let thread = thread();
    let may = !thread.quiet.get();
    if may {
        record.frame.link(thread, record);
    }
    may
}

/// Closes the frame of a record, and credits its caller. `None` where the call began on another
/// thread, as a sync call in a coroutine may: there are no figures of it, and the record is gone.
#[allow(clippy::inline_always, reason = "most calls are idle, which takes a few instructions")]
#[inline(always)]
pub(crate) fn leave(record: &'static Record) -> Option<Left> {
    let (thread, frame) = (thread(), &record.frame);
    if thread.innermost.get().is_none_or(|innermost| !ptr::eq(innermost, record)) {
        return leave_within(thread, record);
    }
    let raw = thread.raw();
    let left = if raw == thread.base.get() && !frame.has_moved() {
        Left::Idle
    } else {
        frame.fold_last(thread, raw)
    };
    thread.innermost.set(frame.caller());
    Some(left)
}

/// Closes a frame that is not the innermost: frames need not be left in order, nor on the thread
/// that has them open.
#[cold]
#[inline(never)]
fn leave_within(thread: &Thread, record: &'static Record) -> Option<Left> {
    let frame = &record.frame;
    let is_next = |inner: &&'static Record| {
        inner.frame.caller().is_some_and(|caller| ptr::eq(caller, record))
    };
    let Some(inner) = thread.chain().find(is_next) else {
        record.lose();
        return None;
    };
    thread.fold_within(record);
    let left = frame.fold_last(thread, thread.raw());
    inner.frame.caller.store(frame.caller(), Relaxed);
    Some(left)
}

/// What a frame that has just been closed has done since it was entered.
#[derive(Clone, Copy)]
pub(crate) enum Left {
    /// Nothing with memory, and nor has its call.
    Idle,
    /// All that its call has done, without a nested call or a probe: its bytes, and its highest
    /// level, from 0. The record knows nothing of it.
    Simple(Bytes, i64),
    /// What its record says, now that the logical counters stand here.
    Any(Bytes),
}

impl Frame {
    /// Back to where nothing was done yet.
    #[inline]
    pub fn clear(&self) {
        self.call.set(Bytes::ZERO);
        self.segment.set(Bytes::ZERO);
        self.nested.set(Bytes::ZERO);
        self.credited.set(Bytes::ZERO);
        self.segment_max.set(0);
        self.call_max.set(0);
        self.self_max.set(0);
        self.earlier_segment_peak.set(0);
        self.earlier_call_peak.set(0);
        self.earlier_self_peak.set(0);
        self.children_kept.set(0);
        self.apart.store(false, Relaxed);
        self.moved.store(false, Relaxed);
    }

    /// Whether the call has done anything that its end must look at.
    #[inline]
    pub fn has_moved(&self) -> bool {
        self.moved.load(Relaxed)
    }

    #[inline]
    pub fn set_moved(&self) {
        self.moved.store(true, Relaxed);
    }

    /// Hangs the frame on the inner end of the chain.
    #[inline]
    fn link(&self, thread: &Thread, record: &'static Record) {
        if thread.innermost.get().is_some_and(Record::is_lost) {
            thread.close_lost();
        }
        self.entered.set(thread.fold());
        self.caller.store(thread.innermost.get(), Relaxed);
        thread.innermost.set(Some(record));
    }

    /// Folds for the last time, and credits the caller. Where there is none, the next frame to
    /// be entered starts the new interval.
    #[inline(never)]
    fn fold_last(&self, thread: &Thread, raw: Bytes) -> Left {
        let (highest, now) = (thread.highest(raw), thread.logical(raw));
        let entered = self.entered.get();
        let (done, level) = (now.since(entered), highest.wrapping_sub(entered.net()).max(0));
        let caller = self.caller();
        if caller.is_some() && raw != thread.base.get() {
            thread.rebase(raw);
        }
        if self.has_moved() {
            self.raise_own(highest);
            if self.apart.load(Relaxed) {
                // As if it had not been on this thread, for the frames around it.
                thread.spent.set(thread.spent.get().plus(done));
            } else if let Some(caller) = caller {
                self.credit_to(caller, done, self.call_max.get(), now);
            }
            return Left::Any(now);
        }
        if let Some(caller) = caller {
            self.credit_to(caller, done, level, now);
        }
        Left::Simple(done, level)
    }

    #[inline]
    fn caller(&self) -> Option<&'static Record> {
        self.caller.load(Relaxed)
    }

    /// What was done since the frame was entered.
    #[inline]
    fn done(&self, now: Bytes) -> Bytes {
        now.since(self.entered.get())
    }

    /// Net of the call.
    #[inline]
    fn net(&self, now: Bytes) -> i64 {
        self.call.get().plus(self.done(now)).net()
    }

    /// What the call has done when the counters stand at `now`.
    #[inline]
    fn progress(&self, now: Bytes) -> Progress {
        let (call, segment, done) = (self.call.get(), self.segment.get(), self.done(now));
        let peak = |max: &NetCell, before: Bytes, earlier: &NetCell| {
            max.get().wrapping_add(before.net()).max(earlier.get())
        };
        Progress {
            call: call.plus(done),
            call_peak: peak(&self.call_max, call, &self.earlier_call_peak),
            segment: segment.plus(done),
            nested: self.nested.get(),
            segment_peak: peak(&self.segment_max, segment, &self.earlier_segment_peak),
            self_peak: peak(&self.self_max, call, &self.earlier_self_peak),
        }
    }

    /// Counts for the caller what was done here.
    #[inline]
    fn credit_to(&self, caller: &Record, done: Bytes, level: i64, now: Bytes) {
        let around = &caller.frame;
        around.raise(self.entered.get().net().wrapping_add(level));
        around.nested.add(done);
        around.children_kept.add(done.net());
        if self.credited.get() != Bytes::ZERO {
            self.pass_on(around, now);
        }
        caller.show(now);
    }

    /// Counts what work elsewhere did for the call, and which `level` above its start the
    /// call reached with it.
    fn credit_at(&self, now: Bytes, bytes: Bytes, level: i64) {
        let net = bytes.net();
        // As if the call had done it before, and was as high as it was.
        self.call.add(bytes);
        self.segment.add(bytes);
        for max in [&self.segment_max, &self.call_max, &self.self_max] {
            max.add(net.wrapping_neg());
        }
        self.nested.add(bytes);
        self.children_kept.add(net);
        self.credited.add(bytes);
        self.raise(now.net());
        let start = self.entered.get().since(self.call.get());
        self.raise(start.net().wrapping_add(level));
    }

    /// What was credited here counts for the callers too.
    #[cold]
    fn pass_on(&self, around: &Frame, now: Bytes) {
        let before = around.net(self.entered.get());
        let peak = self.call_max.get().wrapping_add(self.credited.get().net());
        around.credit_at(now, self.credited.get(), before.saturating_add(peak));
    }

    /// A net that this call, or a nested one, has reached.
    #[inline]
    fn raise(&self, net: i64) {
        self.set_moved();
        let level = net.wrapping_sub(self.entered.get().net());
        self.segment_max.raise(level);
        self.call_max.raise(level);
    }

    /// A net that this call has reached while it was the innermost.
    #[inline]
    fn raise_own(&self, net: i64) {
        self.raise(net);
        let level = net.wrapping_sub(self.entered.get().net());
        self.self_max.raise(level.wrapping_sub(self.children_kept.get()));
    }
}

impl Record {
    /// Shows other threads what the call holds.
    #[inline]
    fn show(&self, now: Bytes) {
        self.shown.set_held(self.frame.net(now));
        self.frame.set_moved();
    }

    /// Ends the segment of the call, whose frame is the innermost: reads it and starts the
    /// next.
    #[inline]
    pub fn cut(&self) -> Progress {
        let now = thread().fold();
        let (frame, progress) = (&self.frame, self.frame.progress(now));
        self.shown.set_held(progress.call.net());
        self.shown.set_peak(progress.call_peak);
        let done = frame.done(now);
        frame.segment.set(Bytes::ZERO.since(done));
        frame.nested.set(Bytes::ZERO);
        frame.segment_max.set(done.net());
        frame.earlier_segment_peak.set(0);
        frame.set_moved();
        progress
    }

    /// The frames around this one, the nearest first.
    #[inline]
    pub fn callers(&self) -> impl Iterator<Item = &'static Record> + use<> {
        outwards(self.frame.caller())
    }

    /// Says whether what the frame does is no business of the frames around it.
    pub fn set_apart(&self, apart: bool) {
        self.frame.apart.store(apart, Relaxed);
        self.frame.set_moved();
    }

    /// Counts what work elsewhere did for the call, and which `level` above its start the
    /// call reached with it.
    #[cold]
    pub fn credit(&self, bytes: Bytes, level: i64) {
        let now = thread().fold();
        self.frame.credit_at(now, bytes, level);
        self.show(now);
    }

    /// What the call has done, whose frame was just closed.
    #[inline]
    pub fn progress(&self, left: Left) -> Progress {
        match left {
            Left::Idle => Progress::default(),
            Left::Simple(done, level) => Progress {
                call: done,
                call_peak: level,
                segment: done,
                nested: Bytes::ZERO,
                segment_peak: level,
                self_peak: level,
            },
            Left::Any(now) => self.frame.progress(now),
        }
    }

    /// What was done since the frame was entered, also elsewhere, and the highest net above
    /// that.
    pub fn since_entered(&self, left: Left) -> (Bytes, i64) {
        match left {
            Left::Idle => (Bytes::ZERO, 0),
            Left::Simple(done, level) => (done, level),
            Left::Any(now) => {
                let credited = self.frame.credited.get();
                let level = self.frame.call_max.get().wrapping_add(credited.net());
                (self.frame.done(now).plus(credited), level)
            }
        }
    }

    /// Keeps what the call has done until its next frame is opened.
    #[inline]
    pub fn suspend(&self, left: Left) -> Progress {
        let progress = self.progress(left);
        if !matches!(left, Left::Idle) {
            self.keep(&progress);
        }
        progress
    }

    fn keep(&self, progress: &Progress) {
        let (frame, shown) = (&self.frame, &self.shown);
        frame.set_moved();
        frame.call.set(progress.call);
        frame.segment.set(progress.segment);
        frame.earlier_call_peak.set(progress.call_peak);
        frame.earlier_segment_peak.set(progress.segment_peak);
        frame.earlier_self_peak.set(progress.self_peak);
        frame.segment_max.set(0);
        frame.call_max.set(0);
        frame.self_max.set(frame.children_kept.get().wrapping_neg());
        frame.credited.set(Bytes::ZERO);
        // The caller's own figures have it from now on.
        shown.set_shared(progress.call.net());
        shown.set_peak(progress.call_peak);
    }
}

/// While it lives, nothing that this thread allocates or frees is in any figure.
pub(crate) struct Quiet {
    raw: Bytes,
    outermost: bool,
}

impl Quiet {
    pub fn begin() -> Quiet {
        let thread = thread();
        let outermost = !thread.quiet.get();
        if outermost {
            thread.fold();
            thread.quiet.set(true);
        }
        Quiet { raw: thread.raw(), outermost }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if !self.outermost {
            return;
        }
        let thread = thread();
        let raw = thread.raw();
        thread.spent.set(thread.spent.get().plus(raw.since(self.raw)));
        thread.rebase(raw);
        thread.quiet.set(false);
    }
}

/// Whether memprobe itself is at work on this thread.
#[inline]
pub(crate) fn is_quiet() -> bool {
    thread().quiet.get()
}

/// The innermost open frame of this thread.
#[inline]
pub(crate) fn innermost() -> Option<&'static Record> {
    thread().innermost.get()
}

/// Leaves the frames that this thread has open to those who end their calls: the thread ends.
pub(crate) fn leave_all() {
    if let Some(innermost) = thread().innermost.take() {
        let mut next = Some(innermost);
        while let Some(record) = next {
            next = record.frame.caller();
            record.leave_to_others();
        }
    }
}

/// Closes the innermost frames of this thread whose calls have ended on another one; `false` if
/// there are none.
pub(crate) fn close_lost() -> bool {
    let thread = thread();
    let is_lost = thread.innermost.get().is_some_and(Record::is_lost);
    if is_lost {
        thread.close_lost();
    }
    is_lost
}

/// The open frames of this thread, the innermost first.
pub(crate) fn chain() -> impl Iterator<Item = &'static Record> + use<> {
    outwards(innermost())
}

/// Shows other threads what all open calls of this one hold; not while memprobe is at work,
/// whose bytes are none of theirs.
pub(crate) fn show_held() {
    let thread = thread();
    if !thread.quiet.get() {
        thread.show(thread.fold());
    }
}

/// The same before a `realloc`. Folds nothing: the peak slot is in use by it.
#[cfg(feature = "jemalloc")]
pub(crate) fn show_held_unfolded() {
    let thread = thread();
    // What memprobe spends is taken off when it is done.
    if let Some(counters) = thread.counters.get().filter(|_| !thread.quiet.get()) {
        thread.show(thread.logical(counters.read()));
    }
}

/// The same in a callback of the allocator, which gives the raw counters. Gives those that it
/// had given to this thread the last time.
pub(crate) fn show_held_at(raw: Bytes) -> Bytes {
    let thread = thread();
    if !thread.quiet.get() {
        let replaced = Bytes { allocated: 0, freed: thread.replaced.get() };
        thread.show(thread.logical(raw).plus(replaced));
    }
    thread.called_back.replace(raw)
}

/// Whether this thread holds so many bytes more than at `called_back`, which moves here if so,
/// and where the thread holds less.
pub(crate) fn has_grown_by(bytes: u64) -> bool {
    let thread = thread();
    let raw = thread.raw();
    let grown = raw.net().wrapping_sub(thread.called_back.get().net());
    if grown < 0 || grown >= bytes as i64 {
        thread.called_back.set(raw);
    }
    grown >= bytes as i64
}

/// Whether the global allocator is memprobe's own, which sends its reallocs here.
pub(crate) fn is_realloc_seen() -> bool {
    let _quiet = Quiet::begin();
    let mut block = std::hint::black_box(Vec::<u8>::with_capacity(64 << 10));
    block.reserve_exact(128 << 10);
    drop(std::hint::black_box(block));
    thread().realloc_seen.get()
}

/// A `realloc` that jemalloc may do in place, exactly: jemalloc adds the new size before it
/// takes off the old one, also where the block does not move and both never live at once.
#[cfg(feature = "jemalloc")]
#[inline]
pub(crate) fn around_realloc(
    old: *mut u8,
    old_size: usize,
    realloc: impl FnOnce() -> *mut u8,
) -> *mut u8 {
    let thread = thread();
    if thread.quiet.get() {
        thread.realloc_seen.set(true);
        return realloc();
    }
    let Some(innermost) = thread.innermost.get() else { return realloc() };
    let before = thread.fold();
    thread.replaced.set(old_size as u64);
    let new = realloc();
    thread.replaced.set(0);
    if new.is_null() {
        return new;
    }
    let raw = thread.raw();
    let after = thread.logical(raw);
    let both = if new == old { 0 } else { after.since(before).freed as i64 };
    innermost.frame.raise_own(after.net().wrapping_add(both));
    innermost.show(after);
    thread.rebase(raw);
    new
}
