//! Exact bytes of one thread, nested: the logical counters, the one peak slot that jemalloc
//! has for each thread, and the chain of frames that share it.
//!
//! All state of a thread is plain `Cell`s without a destructor, so that it can be used from
//! inside the allocator and from late thread-local destructors.

use std::cell::{Cell, OnceCell};
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::ptr;

use crate::bytes::Bytes;
use crate::call::{self, Open};
use crate::flight::Record;
use crate::jemalloc::{Counters, Peak};
use crate::segment::Stage;

struct Thread {
    counters: Cell<Option<Counters>>,
    peak: Cell<Option<&'static Peak>>,
    /// The raw counters at the last reset of the peak slot.
    base: Cell<Bytes>,
    /// What memprobe and the subscriber spent on this thread.
    spent: Cell<Bytes>,
    /// The innermost open frame.
    innermost: Cell<*const Frame>,
    /// memprobe itself is at work: nothing is measured.
    quiet: Cell<bool>,
    /// A `realloc` came through memprobe's allocator while memprobe was at work.
    realloc_seen: Cell<bool>,
    /// The raw counters at the last callback of the allocator.
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
            innermost: Cell::new(ptr::null()),
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

    /// The logical counters: what the program did, without what memprobe spent.
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
        if let Some(frame) = self.innermost() {
            self.raise(frame, raw);
        }
        self.rebase(raw);
    }

    /// The same for the frame that is about to be left. Where it is the outermost, the next
    /// to be entered starts the new interval.
    #[inline]
    fn fold_last(&self, frame: &Frame) -> Bytes {
        let raw = self.raw();
        if raw != self.base.get() {
            if frame.caller.get().is_null() {
                self.raise(frame, raw);
            } else {
                self.fold_moved(raw);
            }
        }
        self.logical(raw)
    }

    /// Raises the frame to the highest net since the base.
    #[inline]
    fn raise(&self, frame: &Frame, raw: Bytes) {
        let base = self.base.get();
        let mut highest = self.logical(raw).net();
        if raw.allocated.wrapping_sub(base.allocated) >= PEAK_STEP {
            let above = self.peak.get().map_or(0, Peak::read);
            highest = highest.max(self.logical(base).net() + above as i64);
        }
        frame.raise_own(highest);
    }

    /// Shows what all open calls hold at these logical counters.
    fn show(&self, now: Bytes) {
        find(self, self.innermost(), |frame| -> Option<()> {
            if let Some(record) = frame.record.get() {
                record.show_shared(now.since(frame.call.get()).net());
            }
            None
        });
    }

    #[inline]
    fn innermost(&self) -> Option<&Frame> {
        // SAFETY: a frame lives in a pinned place and leaves the chain when that is dropped,
        // which pinning promises before its memory goes; it cannot leave its thread. So what
        // the chain points to is alive. The reference does not outlive a call of this module.
        unsafe { self.innermost.get().as_ref() }
    }
}

/// Where a frame will be once it is entered: on the stack of the function that it reads.
pub(crate) struct Place {
    frame: OnceCell<Frame>,
    _pinned: PhantomPinned,
}

/// One open call, or one poll of one, in the chain of its thread.
///
/// Positions are logical counters of the thread. A poll starts with the positions at which
/// the call would have started, had all of it run on this thread.
pub(crate) struct Frame {
    /// What the layer above keeps of the call; the meter does not look at it.
    pub open_call: Open,
    /// Shows other threads what the call holds.
    record: Cell<Option<&'static Record>>,
    caller: Cell<*const Frame>,
    /// In the chain.
    open: Cell<bool>,
    /// What it does is no business of its caller on this thread.
    apart: Cell<bool>,
    entered: Bytes,
    call: Cell<Bytes>,
    segment: Cell<Bytes>,
    /// What nested calls did in this segment.
    nested: Cell<Bytes>,
    /// Net of what nested calls did in this call.
    children_kept: Cell<i64>,
    /// What work elsewhere did for the call since the frame was entered.
    credited: Cell<Bytes>,
    /// Highest net of the thread seen since the frame was entered, in this segment of it and
    /// in all, and in all while this was the innermost frame, less what nested calls had kept.
    segment_max: Cell<i64>,
    call_max: Cell<i64>,
    self_max: Cell<i64>,
    /// The peaks of earlier polls. Apart, because they are no business of today's caller.
    earlier_segment_peak: Cell<i64>,
    earlier_call_peak: i64,
    earlier_self_peak: i64,
}

/// What a call has done so far, independent of the thread: what a future keeps between polls.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    pub call: Bytes,
    /// Highest net of the call above its start.
    pub call_peak: i64,
    pub segment: Bytes,
    pub nested: Bytes,
    /// Highest net of the segment above its start.
    pub segment_peak: i64,
    /// Net of what nested calls did in the call.
    pub children_kept: i64,
    /// Highest net of the call while it was the innermost, less what nested calls had kept.
    pub self_peak: i64,
}

impl Progress {
    pub const START: Progress = Progress {
        call: Bytes::ZERO,
        call_peak: 0,
        segment: Bytes::ZERO,
        nested: Bytes::ZERO,
        segment_peak: 0,
        children_kept: 0,
        self_peak: 0,
    };

    /// Net of the call at the start of its segment.
    pub fn held_before(&self) -> i64 {
        self.call.net() - self.segment.net()
    }
}

/// How far a net of the thread lies above the one at `start`.
#[inline]
fn above(max: i64, start: Bytes) -> i64 {
    max.wrapping_sub(start.net())
}

impl Place {
    #[inline]
    pub const fn new() -> Place {
        Place { frame: OnceCell::new(), _pinned: PhantomPinned }
    }

    /// Opens the frame of a call at the given progress; `None`, and nothing is opened, while
    /// memprobe itself is at work.
    #[inline]
    pub fn enter(self: Pin<&Place>, open_call: Open, progress: &Progress) -> Option<&Frame> {
        let thread = thread();
        if thread.quiet.get() {
            return None;
        }
        let now = thread.fold();
        if let Some(caller) = thread.innermost() {
            caller.show(now);
        }
        let opened = self.frame.set(Frame {
            open_call,
            record: Cell::new(None),
            caller: Cell::new(thread.innermost.get()),
            open: Cell::new(true),
            apart: Cell::new(false),
            entered: now,
            call: Cell::new(now.since(progress.call)),
            segment: Cell::new(now.since(progress.segment)),
            nested: Cell::new(progress.nested),
            children_kept: Cell::new(progress.children_kept),
            credited: Cell::new(Bytes::ZERO),
            segment_max: Cell::new(now.net()),
            call_max: Cell::new(now.net()),
            self_max: Cell::new(now.net().wrapping_sub(progress.children_kept)),
            earlier_segment_peak: Cell::new(progress.segment_peak),
            earlier_call_peak: progress.call_peak,
            earlier_self_peak: progress.self_peak,
        });
        // Entered once: a second time changes nothing.
        opened.ok()?;
        let frame = self.get_ref().frame.get()?;
        thread.innermost.set(frame);
        Some(frame)
    }

    #[inline(never)]
    fn end(&self) {
        if let Some(frame) = self.frame.get() {
            call::close(frame);
        }
        if let Some(left) = self.leave() {
            left.end();
        }
    }

    /// The frame, once it was entered.
    #[inline]
    pub fn frame(&self) -> Option<&Frame> {
        self.frame.get()
    }

    /// Closes the frame and credits its caller. `None` if it was not open.
    #[inline]
    pub fn leave(&self) -> Option<Left<'_>> {
        let frame = self.frame.get().filter(|frame| frame.open.replace(false))?;
        let thread = thread();
        let now = thread.fold_last(frame);
        frame.unlink(thread);
        if frame.apart.get() {
            // As if it had not been on this thread, for the frames around it.
            thread.spent.set(thread.spent.get().plus(now.since(frame.entered)));
        } else if now != frame.entered || frame.credited.get() != Bytes::ZERO {
            frame.credit_caller(thread, now);
        }
        Some(Left { frame, now })
    }
}

impl Drop for Place {
    /// Not inlined: it stands at each end of each annotated function.
    #[inline(never)]
    fn drop(&mut self) {
        if self.frame.get().is_some_and(|frame| frame.open.get()) {
            self.end();
        }
    }
}

impl Frame {
    /// What the call has done when the counters stand at `now`.
    #[inline]
    pub fn progress(&self, now: Bytes) -> Progress {
        let (call, segment) = (self.call.get(), self.segment.get());
        Progress {
            call: now.since(call),
            call_peak: above(self.call_max.get(), call).max(self.earlier_call_peak),
            segment: now.since(segment),
            nested: self.nested.get(),
            segment_peak: above(self.segment_max.get(), segment)
                .max(self.earlier_segment_peak.get()),
            children_kept: self.children_kept.get(),
            self_peak: above(self.self_max.get(), call).max(self.earlier_self_peak),
        }
    }

    /// Ends the segment of the frame, which is the innermost: reads it and starts the next.
    #[inline]
    pub fn cut(&self) -> Progress {
        let now = thread().fold();
        let progress = self.progress(now);
        if let Some(record) = self.record.get() {
            record.show_held(progress.call.net());
            record.show_peak(progress.call_peak);
        }
        self.segment.set(now);
        self.nested.set(Bytes::ZERO);
        self.segment_max.set(now.net());
        self.earlier_segment_peak.set(0);
        progress
    }

    #[inline]
    fn credit_caller(&self, thread: &Thread, now: Bytes) {
        let Some(caller) = self.caller_in(thread) else { return };
        let done = now.since(self.entered);
        caller.raise(self.call_max.get());
        caller.nested.set(caller.nested.get().plus(done));
        caller.children_kept.set(caller.children_kept.get().wrapping_add(done.net()));
        if self.credited.get() != Bytes::ZERO {
            self.pass_on(caller, now);
        }
        caller.show(now);
    }

    /// From now on the figures of the call are shown in `record`.
    #[inline]
    pub fn set_record(&self, record: &'static Record) {
        self.record.set(Some(record));
    }

    #[inline]
    pub fn record(&self) -> Option<&'static Record> {
        self.record.get()
    }

    /// Shows other threads what the call holds.
    #[inline]
    fn show(&self, now: Bytes) {
        if let Some(record) = self.record.get() {
            record.show_held(now.since(self.call.get()).net());
        }
    }

    /// Looks from the frame's caller outwards.
    #[inline]
    pub fn find_caller<T>(&self, look: impl Fn(&Frame) -> Option<T>) -> Option<T> {
        let thread = thread();
        find(thread, self.caller_in(thread), look)
    }

    /// From now on what the frame does is no business of the frames around it.
    pub fn set_apart(&self) {
        self.apart.set(true);
    }

    /// Counts what work elsewhere did for the call, and which `level` above its start the
    /// call reached with it.
    #[cold]
    pub fn credit(&self, bytes: Bytes, level: i64) {
        let now = thread().fold();
        self.credit_at(now, bytes, level);
    }

    fn credit_at(&self, now: Bytes, bytes: Bytes, level: i64) {
        let net = bytes.net();
        // As if the call had begun that much earlier, and was as high as it was.
        self.call.set(self.call.get().since(bytes));
        self.segment.set(self.segment.get().since(bytes));
        for max in [&self.segment_max, &self.call_max, &self.self_max] {
            max.set(max.get().wrapping_sub(net));
        }
        self.nested.set(self.nested.get().plus(bytes));
        self.children_kept.set(self.children_kept.get().wrapping_add(net));
        self.credited.set(self.credited.get().plus(bytes));
        self.raise(now.net());
        self.raise(self.call.get().net().wrapping_add(level));
    }

    /// What was credited here counts for the callers too.
    #[cold]
    fn pass_on(&self, caller: &Frame, now: Bytes) {
        let before = self.entered.since(caller.call.get()).net();
        let peak = above(self.call_max.get(), self.call.get());
        caller.credit_at(now, self.credited.get(), before.saturating_add(peak));
    }

    #[inline]
    fn caller_in<'a>(&self, _thread: &'a Thread) -> Option<&'a Frame> {
        // SAFETY: as for `Thread::innermost`: callers are entered before and left after.
        unsafe { self.caller.get().as_ref() }
    }

    /// Takes the frame out of the chain, wherever in it it stands: frames that are not
    /// dropped in order must not leave a dangling link.
    #[inline]
    fn unlink(&self, thread: &Thread) {
        if ptr::eq(thread.innermost.get(), self) {
            thread.innermost.set(self.caller.get());
        } else {
            self.unlink_from_within(thread);
        }
    }

    #[cold]
    fn unlink_from_within(&self, thread: &Thread) {
        let mut inner = thread.innermost();
        while let Some(frame) = inner {
            if ptr::eq(frame.caller.get(), self) {
                frame.caller.set(self.caller.get());
                return;
            }
            inner = frame.caller_in(thread);
        }
    }

    /// A net that this call, or a nested one, has reached.
    #[inline]
    fn raise(&self, net: i64) {
        self.segment_max.set(self.segment_max.get().max(net));
        self.call_max.set(self.call_max.get().max(net));
    }

    /// A net that this call has reached while it was the innermost.
    #[inline]
    fn raise_own(&self, net: i64) {
        self.raise(net);
        self.self_max.set(self.self_max.get().max(net.wrapping_sub(self.children_kept.get())));
    }
}

/// A frame that has just been closed.
#[derive(Clone, Copy)]
pub(crate) struct Left<'a> {
    pub frame: &'a Frame,
    /// Where the counters stand.
    pub now: Bytes,
}

impl Left<'_> {
    /// Whether nothing was allocated or freed in the last segment.
    #[inline]
    pub fn is_idle(&self) -> bool {
        self.now == self.frame.segment.get()
    }

    #[inline]
    pub fn progress(&self) -> Progress {
        self.frame.progress(self.now)
    }

    /// What was done since the frame was entered, also elsewhere, and the highest net above
    /// that.
    pub fn since_entered(&self) -> (Bytes, i64) {
        let credited = self.frame.credited.get();
        let peak = above(self.frame.call_max.get(), self.frame.entered);
        let done = self.now.since(self.frame.entered).plus(credited);
        (done, peak.wrapping_add(credited.net()))
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
        thread.fold();
        Quiet { raw: thread.raw(), outermost: !thread.quiet.replace(true) }
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

/// Shows the innermost open frame of this thread.
#[inline]
pub(crate) fn innermost<T>(look: impl FnOnce(Option<&Frame>) -> T) -> T {
    look(thread().innermost())
}

/// Looks from the innermost open call of this thread outwards.
pub(crate) fn find_open<T>(look: impl Fn(&Open) -> Option<T>) -> Option<T> {
    find_frame(|frame| look(&frame.open_call))
}

/// The same for frames.
pub(crate) fn find_frame<T>(look: impl Fn(&Frame) -> Option<T>) -> Option<T> {
    let thread = thread();
    find(thread, thread.innermost(), look)
}

#[inline]
fn find<'a, T>(
    thread: &'a Thread,
    mut at: Option<&'a Frame>,
    mut look: impl FnMut(&Frame) -> Option<T>,
) -> Option<T> {
    while let Some(frame) = at {
        if let found @ Some(_) = look(frame) {
            return found;
        }
        at = frame.caller_in(thread);
    }
    None
}

/// Shows other threads what all open calls of this one hold.
pub(crate) fn show_held() {
    let thread = thread();
    thread.show(thread.fold());
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

/// Whether this thread holds so many bytes more than when this was last true.
pub(crate) fn has_grown_by(bytes: u64) -> bool {
    let thread = thread();
    let raw = thread.raw();
    let grown = raw.net().wrapping_sub(thread.called_back.get().net());
    if grown < 0 || grown >= bytes as i64 {
        thread.called_back.set(raw);
    }
    grown >= bytes as i64
}

/// Looks at where the open calls of this thread are, the innermost first.
pub(crate) fn each_open(mut look: impl FnMut(&'static Stage)) {
    let thread = thread();
    find(thread, thread.innermost(), |frame| -> Option<()> {
        look(frame.record.get()?.stage()?);
        None
    });
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
    let Some(frame) = thread.innermost() else { return realloc() };
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
    frame.raise_own(after.net().wrapping_add(both));
    thread.rebase(raw);
    new
}
