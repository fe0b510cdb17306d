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

    /// Shows what all open calls hold at these logical counters.
    fn show(&self, now: Bytes) {
        find(self, self.innermost(), |frame| -> Option<()> {
            if let Some(record) = frame.record.get() {
                record.show_shared(now.since(frame.call.get()).net());
            }
            None
        });
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
            if let Some(caller) = self.caller_in(thread) {
                let done = now.since(self.entered.get());
                caller.raise(self.call_max.get());
                caller.nested.set(caller.nested.get().plus(done));
                caller.children_kept.set(caller.children_kept.get().wrapping_add(done.net()));
                caller.show(now);
            }
            Some(self.progress(now))
        })
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
    THREAD.with(|thread| thread.show(thread.fold()));
}

/// The same before a `realloc`. Folds nothing: the peak slot is in use by it.
#[cfg(feature = "jemalloc")]
pub(crate) fn show_held_unfolded() {
    THREAD.with(|thread| {
        // What memprobe spends is taken off when it is done.
        if let Some(counters) = thread.counters.get().filter(|_| !thread.quiet.get()) {
            thread.show(thread.logical(counters.read()));
        }
    });
}

/// The same in a callback of the allocator, which gives the raw counters. Gives those that it
/// had given to this thread the last time.
pub(crate) fn show_held_at(raw: Bytes) -> Bytes {
    THREAD.with(|thread| {
        if !thread.quiet.get() {
            let replaced = Bytes { allocated: 0, freed: thread.replaced.get() };
            thread.show(thread.logical(raw).plus(replaced));
        }
        thread.called_back.replace(raw)
    })
}

/// Whether this thread holds so many bytes more than when this was last true.
pub(crate) fn has_grown_by(bytes: u64) -> bool {
    THREAD.with(|thread| {
        let raw = thread.raw();
        let grown = raw.net().wrapping_sub(thread.called_back.get().net());
        if grown < 0 || grown >= bytes as i64 {
            thread.called_back.set(raw);
        }
        grown >= bytes as i64
    })
}

/// Looks at where the open calls of this thread are, the innermost first.
pub(crate) fn each_open(mut look: impl FnMut(&'static Stage)) {
    THREAD.with(|thread| {
        find(thread, thread.innermost(), |frame| -> Option<()> {
            look(frame.record.get()?.stage()?);
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
pub(crate) fn around_realloc(
    old: *mut u8,
    old_size: usize,
    realloc: impl FnOnce() -> *mut u8,
) -> *mut u8 {
    THREAD.with(|thread| {
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
        let after = thread.logical(thread.raw());
        let both = if new == old { 0 } else { after.since(before).freed as i64 };
        frame.raise_own(after.net().wrapping_add(both));
        thread.rebase();
        new
    })
}
