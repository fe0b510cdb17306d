//! The counters of one thread: jemalloc's own less what memprobe spent, and the one peak slot that
//! jemalloc has for each thread. What happens to them inside frames is not known here.
//!
//! All state of a thread is plain `Cell`s without a destructor, so that it can be used from
//! inside the allocator and from late thread-local destructors.

use std::cell::Cell;
use std::ptr;

use crate::runtime::readings::bytes::Bytes;
use crate::runtime::readings::jemalloc::{Counters, Peak};

pub(crate) struct Thread {
    counters: Cell<Option<Counters>>,
    peak: Cell<Option<&'static Peak>>,
    /// The raw counters at the last reset of the peak slot, or [`PENDING`].
    base: Cell<Bytes>,
    /// While `base` is `PENDING`: the true base, and the highest net of the interval before it,
    /// which no frame has taken yet.
    pending: Cell<(Bytes, i64)>,
    /// What is taken off the raw counters: what memprobe and the subscriber spent on this thread,
    /// and what carried work did here, which the frames around it must not be credited with.
    spent: Cell<Bytes>,
    /// memprobe itself is at work: nothing is measured.
    is_ignoring: Cell<bool>,
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
            pending: Cell::new((Bytes::ZERO, 0)),
            spent: Cell::new(Bytes::ZERO),
            is_ignoring: Cell::new(false),
            realloc_seen: Cell::new(false),
            called_back: Cell::new(Bytes::ZERO),
            replaced: Cell::new(0),
        }
    };
}

/// No thread has counters that stand here, so a comparison with the base sees that something is
/// pending too.
const PENDING: Bytes = Bytes { allocated: u64::MAX, freed: u64::MAX };

/// jemalloc itself looks at a thread's net only each time it has allocated this much
/// (`PEAK_EVENT_WAIT`), so a peak may be this much under. Where less was allocated from one
/// point to the next, it cannot be more under than that, and is not asked for.
const PEAK_STEP: u64 = 64 << 10;

/// The state of this thread.
#[inline]
pub(crate) fn thread() -> &'static Thread {
    let thread = THREAD.with(ptr::from_ref);
    // SAFETY: it has no destructor and lives as long as its thread, which a reference to it
    // cannot leave, because the state is not `Sync`.
    unsafe { &*thread }
}

impl Thread {
    /// jemalloc's own counters.
    #[inline]
    pub fn raw(&self) -> Bytes {
        match self.counters.get() {
            Some(counters) => counters.read(),
            None => self.start(),
        }
    }

    /// The raw counters where they were read before; starts nothing.
    #[cfg(feature = "jemalloc")]
    pub fn raw_if_started(&self) -> Option<Bytes> {
        self.counters.get().map(Counters::read)
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

    /// The logical counters: the raw ones without what was spent.
    #[inline]
    pub fn logical(&self, raw: Bytes) -> Bytes {
        raw.since(self.spent.get())
    }

    /// Takes bytes off the logical counters.
    pub fn spend(&self, bytes: Bytes) {
        self.spent.set(self.spent.get().plus(bytes));
    }

    /// Whether memprobe itself is at work on this thread.
    #[inline]
    pub fn is_ignoring(&self) -> bool {
        self.is_ignoring.get()
    }

    /// Whether the counters have moved since the last reset of the peak slot, or what they did
    /// before it is pending.
    #[inline]
    pub fn has_moved(&self, raw: Bytes) -> bool {
        raw != self.base.get()
    }

    /// Starts a new interval of the peak slot.
    #[inline]
    pub fn rebase(&self, raw: Bytes) {
        if let Some(peak) = self.peak.get() {
            peak.reset();
        }
        self.base.set(raw);
    }

    /// The highest logical net since the last interval whose highest was taken.
    #[inline]
    pub fn highest(&self, raw: Bytes) -> i64 {
        match self.base.get() {
            PENDING => {
                let (base, before) = self.pending.get();
                before.max(self.highest_since(base, raw))
            }
            base => self.highest_since(base, raw),
        }
    }

    #[inline]
    fn highest_since(&self, base: Bytes, raw: Bytes) -> i64 {
        let now = self.logical(raw).net();
        if raw.allocated.wrapping_sub(base.allocated) < PEAK_STEP {
            return now;
        }
        let above = self.peak.get().map_or(0, Peak::read);
        now.max(self.logical(base).net() + above as i64)
    }

    /// Notes that a `realloc` replaces a block of so many bytes, which jemalloc counts still.
    #[cfg(feature = "jemalloc")]
    pub fn set_replaced(&self, bytes: u64) {
        self.replaced.set(bytes);
    }

    /// A `realloc` came through memprobe's allocator while memprobe was at work.
    #[cfg(feature = "jemalloc")]
    pub fn set_realloc_seen(&self) {
        self.realloc_seen.set(true);
    }

    /// The logical counters in a callback of the allocator, which gives the raw ones.
    pub fn logical_called_back(&self, raw: Bytes) -> Bytes {
        self.logical(raw).plus(Bytes { allocated: 0, freed: self.replaced.get() })
    }

    /// Keeps the raw counters of a callback of the allocator. Gives those of the last one.
    pub fn call_back(&self, raw: Bytes) -> Bytes {
        self.called_back.replace(raw)
    }
}

/// While it lives, nothing that this thread allocates or frees is in any figure.
pub(crate) struct IgnoreAllocs {
    raw: Bytes,
    outermost: bool,
}

impl IgnoreAllocs {
    pub fn begin() -> IgnoreAllocs {
        let thread = thread();
        let outermost = !thread.is_ignoring.get();
        let raw = thread.raw();
        if outermost {
            if thread.has_moved(raw) {
                // The slot is needed for what comes after; the next frame to look takes it.
                thread.pending.set((raw, thread.highest(raw)));
                thread.base.set(PENDING);
            }
            thread.is_ignoring.set(true);
        }
        IgnoreAllocs { raw, outermost }
    }
}

impl Drop for IgnoreAllocs {
    fn drop(&mut self) {
        if !self.outermost {
            return;
        }
        let thread = thread();
        let raw = thread.raw();
        thread.spend(raw.since(self.raw));
        let is_pending = thread.base.get() == PENDING;
        thread.rebase(raw);
        if is_pending {
            thread.pending.set((raw, thread.pending.get().1));
            thread.base.set(PENDING);
        }
        thread.is_ignoring.set(false);
    }
}

/// Whether memprobe itself is at work on this thread.
#[inline]
pub(crate) fn is_ignoring() -> bool {
    thread().is_ignoring()
}

/// Whether this thread holds so many bytes more than at the last callback, from which growth is
/// counted anew if so, and where the thread holds less.
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
    let _ignored = IgnoreAllocs::begin();
    let mut block = std::hint::black_box(Vec::<u8>::with_capacity(64 << 10));
    block.reserve_exact(128 << 10);
    drop(std::hint::black_box(block));
    thread().realloc_seen.get()
}
