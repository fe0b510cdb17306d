//! Exact bytes of one thread, nested: the logical counters, the one peak slot that jemalloc
//! has for each thread, and the chain of frames that share it.
//!
//! All state of a thread is plain `Cell`s without a destructor, so that it can be used from
//! inside the allocator and from late thread-local destructors.

use std::cell::Cell;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::ptr;

use crate::bytes::Bytes;
use crate::call::Open;
use crate::flight::Record;
use crate::jemalloc::{Counters, Peak};

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
        }
    };
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
        self.rebase();
        counters.read()
    }

    /// The logical counters: what the program did, without what memprobe spent.
    #[inline]
    fn logical(&self, raw: Bytes) -> Bytes {
        raw.since(self.spent.get())
    }

    /// Starts a new interval of the peak slot.
    fn rebase(&self) {
        if let Some(peak) = self.peak.get() {
            peak.reset();
        }
        if let Some(counters) = self.counters.get() {
            self.base.set(counters.read());
        }
    }

    /// Hands what the peak slot holds to the innermost frame, and starts a new interval.
    /// Gives the logical counters.
    #[inline]
    fn fold(&self) -> Bytes {
        let raw = self.raw();
        let base = self.base.get();
        if raw != base {
            self.fold_moved(raw, base);
        }
        self.logical(raw)
    }

    fn fold_moved(&self, raw: Bytes, base: Bytes) {
        if let Some(frame) = self.innermost().filter(|_| raw.allocated != base.allocated) {
            let above = self.peak.get().map_or(0, Peak::read);
            let now = self.logical(raw).net();
            frame.raise_own(now.max(self.logical(base).net() + above as i64));
        }
        self.rebase();
    }

    fn innermost(&self) -> Option<&Frame> {
        // SAFETY: a frame is entered pinned and leaves the chain when it is dropped, which
        // pinning promises before its memory goes; it cannot leave its thread. So what the
        // chain points to is alive. The reference does not outlive a call of this module.
        unsafe { self.innermost.get().as_ref() }
    }
}

/// The place of one open call, or of one poll of one, in the chain of its thread.
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
    /// What work elsewhere did for the call since the frame was entered.
    credited: Cell<Bytes>,
    entered: Cell<Bytes>,
    call: Cell<Bytes>,
    segment: Cell<Bytes>,
    /// What nested calls did in this segment.
    nested: Cell<Bytes>,
    /// Net of what nested calls did in this call.
    children_kept: Cell<i64>,
    /// Highest net of the thread seen since the frame was entered, in this segment of it and
    /// in all, and in all while this was the innermost frame, less what nested calls had kept.
    segment_max: Cell<i64>,
    call_max: Cell<i64>,
    self_max: Cell<i64>,
    /// The peaks of earlier polls. Apart, because they are no business of today's caller.
    earlier_segment_peak: Cell<i64>,
    earlier_call_peak: Cell<i64>,
    earlier_self_peak: Cell<i64>,
    _pinned: PhantomPinned,
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
fn above(max: i64, start: Bytes) -> i64 {
    max.wrapping_sub(start.net())
}

impl Frame {
    pub const fn new(open_call: Open) -> Frame {
        Frame {
            open_call,
            record: Cell::new(None),
            caller: Cell::new(ptr::null()),
            open: Cell::new(false),
            apart: Cell::new(false),
            credited: Cell::new(Bytes::ZERO),
            entered: Cell::new(Bytes::ZERO),
            call: Cell::new(Bytes::ZERO),
            segment: Cell::new(Bytes::ZERO),
            nested: Cell::new(Bytes::ZERO),
            children_kept: Cell::new(0),
            segment_max: Cell::new(0),
            call_max: Cell::new(0),
            self_max: Cell::new(0),
            earlier_segment_peak: Cell::new(0),
            earlier_call_peak: Cell::new(0),
            earlier_self_peak: Cell::new(0),
            _pinned: PhantomPinned,
        }
    }

    /// Opens the frame at the given progress; `false`, and nothing is opened, while memprobe
    /// itself is at work.
    #[inline]
    pub fn enter(self: Pin<&Frame>, progress: &Progress) -> bool {
        THREAD.with(|thread| {
            if thread.quiet.get() || self.open.get() {
                return false;
            }
            let now = thread.fold();
            self.entered.set(now);
            self.call.set(now.since(progress.call));
            self.segment.set(now.since(progress.segment));
            self.nested.set(progress.nested);
            self.children_kept.set(progress.children_kept);
            self.call_max.set(now.net());
            self.segment_max.set(now.net());
            self.self_max.set(now.net() - progress.children_kept);
            self.earlier_call_peak.set(progress.call_peak);
            self.earlier_segment_peak.set(progress.segment_peak);
            self.earlier_self_peak.set(progress.self_peak);
            if let Some(caller) = thread.innermost() {
                caller.show(now);
            }
            self.caller.set(thread.innermost.replace(ptr::from_ref(self.get_ref())));
            self.open.set(true);
            true
        })
    }

    fn progress(&self, now: Bytes) -> Progress {
        let (call, segment) = (self.call.get(), self.segment.get());
        Progress {
            call: now.since(call),
            call_peak: above(self.call_max.get(), call).max(self.earlier_call_peak.get()),
            segment: now.since(segment),
            nested: self.nested.get(),
            segment_peak: above(self.segment_max.get(), segment)
                .max(self.earlier_segment_peak.get()),
            children_kept: self.children_kept.get(),
            self_peak: above(self.self_max.get(), call).max(self.earlier_self_peak.get()),
        }
    }

    /// Ends the segment of the frame, which is the innermost: reads it and starts the next.
    #[inline]
    pub fn cut(&self) -> Progress {
        THREAD.with(|thread| {
            let now = thread.fold();
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
        })
    }

    /// Closes the frame and credits its caller. `None` if it was not open.
    #[inline]
    pub fn leave(&self) -> Option<Progress> {
        if !self.open.replace(false) {
            return None;
        }
        THREAD.with(|thread| {
            let now = thread.fold();
            self.unlink(thread);
            if self.apart.get() {
                // As if it had not been on this thread, for the frames around it.
                let done = now.since(self.entered.get());
                thread.spent.set(thread.spent.get().plus(done));
            } else if let Some(caller) = self.caller_in(thread) {
                let done = now.since(self.entered.get());
                caller.raise(self.call_max.get());
                caller.nested.set(caller.nested.get().plus(done));
                caller.children_kept.set(caller.children_kept.get().wrapping_add(done.net()));
                if self.credited.get() != Bytes::ZERO {
                    self.pass_on(caller, now);
                }
                caller.show(now);
            }
            Some(self.progress(now))
        })
    }

    /// From now on what the frame does is no business of the frames around it.
    pub fn set_apart(&self) {
        self.apart.set(true);
    }

    /// What was done since the frame was entered, and the highest net above that.
    pub fn since_entered(&self, progress: &Progress, before: &Progress) -> (Bytes, i64) {
        let peak = self.call_max.get().wrapping_sub(self.entered.get().net());
        (progress.call.since(before.call), peak)
    }

    /// Counts what work elsewhere did for the call, and which `level` above its start the
    /// call reached with it.
    #[cold]
    pub fn credit(&self, bytes: Bytes, level: i64) {
        THREAD.with(|thread| {
            let now = thread.fold();
            self.credit_at(now, bytes, level);
        });
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
        let before = self.entered.get().since(caller.call.get()).net();
        let peak = above(self.call_max.get(), self.call.get());
        caller.credit_at(now, self.credited.get(), before.saturating_add(peak));
    }

    /// Shows other threads what the call holds.
    #[inline]
    fn show(&self, now: Bytes) {
        if let Some(record) = self.record.get() {
            record.show_held(now.since(self.call.get()).net());
        }
    }

    /// From now on the figures of the call are shown in `record`.
    #[inline]
    pub fn set_record(&self, record: &'static Record) {
        self.record.set(Some(record));
    }

    pub fn record(&self) -> Option<&'static Record> {
        self.record.get()
    }

    /// Looks from the frame's caller outwards.
    #[inline]
    pub fn find_caller<T>(&self, look: impl Fn(&Frame) -> Option<T>) -> Option<T> {
        THREAD.with(|thread| find(thread, self.caller_in(thread), look))
    }

    fn caller_in<'a>(&self, _thread: &'a Thread) -> Option<&'a Frame> {
        // SAFETY: as for `Thread::innermost`: callers are entered before and left after.
        unsafe { self.caller.get().as_ref() }
    }

    /// Takes the frame out of the chain, wherever in it it stands: frames that are not
    /// dropped in order must not leave a dangling link.
    fn unlink(&self, thread: &Thread) {
        if ptr::eq(thread.innermost.get(), self) {
            thread.innermost.set(self.caller.get());
            return;
        }
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

impl Drop for Frame {
    fn drop(&mut self) {
        self.leave();
    }
}

/// While it lives, nothing that this thread allocates or frees is in any figure.
pub(crate) struct Quiet {
    raw: Bytes,
    outermost: bool,
}

impl Quiet {
    pub fn begin() -> Quiet {
        THREAD.with(|thread| {
            thread.fold();
            Quiet { raw: thread.raw(), outermost: !thread.quiet.replace(true) }
        })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if !self.outermost {
            return;
        }
        THREAD.with(|thread| {
            let spent = thread.raw().since(self.raw);
            thread.spent.set(thread.spent.get().plus(spent));
            thread.rebase();
            thread.quiet.set(false);
        });
    }
}

/// Whether memprobe itself is at work on this thread.
pub(crate) fn is_quiet() -> bool {
    THREAD.with(|thread| thread.quiet.get())
}

/// Shows the innermost open frame of this thread.
#[inline]
pub(crate) fn innermost<T>(look: impl FnOnce(Option<&Frame>) -> T) -> T {
    THREAD.with(|thread| look(thread.innermost()))
}

/// Looks from the innermost open call of this thread outwards.
pub(crate) fn find_open<T>(look: impl Fn(&Open) -> Option<T>) -> Option<T> {
    THREAD.with(|thread| find(thread, thread.innermost(), |frame| look(&frame.open_call)))
}

/// The same for frames.
pub(crate) fn find_frame<T>(look: impl Fn(&Frame) -> Option<T>) -> Option<T> {
    THREAD.with(|thread| find(thread, thread.innermost(), look))
}

fn find<'a, T>(
    thread: &'a Thread,
    mut at: Option<&'a Frame>,
    look: impl Fn(&Frame) -> Option<T>,
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
    THREAD.with(|thread| {
        let now = thread.fold();
        find(thread, thread.innermost(), |frame| -> Option<()> {
            if let Some(record) = frame.record.get() {
                record.show_shared(now.since(frame.call.get()).net());
            }
            None
        });
    });
}

/// Whether the global allocator is memprobe's own, which sends its reallocs here.
pub(crate) fn is_realloc_seen() -> bool {
    let _quiet = Quiet::begin();
    let mut block = std::hint::black_box(Vec::<u8>::with_capacity(64 << 10));
    block.reserve_exact(128 << 10);
    drop(std::hint::black_box(block));
    THREAD.with(|thread| thread.realloc_seen.get())
}

/// A `realloc` that jemalloc may do in place, exactly: jemalloc adds the new size before it
/// takes off the old one, also where the block does not move and both never live at once.
#[cfg(feature = "jemalloc")]
#[inline]
pub(crate) fn around_realloc(old: *mut u8, realloc: impl FnOnce() -> *mut u8) -> *mut u8 {
    THREAD.with(|thread| {
        if thread.quiet.get() {
            thread.realloc_seen.set(true);
            return realloc();
        }
        let Some(frame) = thread.innermost() else { return realloc() };
        let before = thread.fold();
        let new = realloc();
        if new.is_null() {
            return new;
        }
        let after = thread.logical(thread.raw());
        let both = if new == old { 0 } else { after.since(before).freed as i64 };
        frame.raise_own(after.net().wrapping_add(both));
        thread.rebase();
        new
    })
}
