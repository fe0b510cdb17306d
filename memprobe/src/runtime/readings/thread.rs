//! The counters of one thread: jemalloc's own less what memprobe spent, and the one peak slot that
//! jemalloc has for each thread. Frames build on them and are not known here.
//!
//! All state of a thread is in plain `Cell`s without a destructor, so that it can be used inside
//! the allocator and in late thread-local destructors.

use std::cell::Cell;
use std::ptr;

use crate::runtime::readings::bytes::Bytes;
use crate::runtime::readings::jemalloc::{Counters, Peak};
use crate::runtime::sync::thread_local;

pub(crate) struct Thread {
    counters: Cell<Option<Counters>>,
    peak: Cell<Option<&'static Peak>>,
    /// The raw counters at the last reset of the peak slot, or [`PENDING`].
    base: Cell<Bytes>,
    /// While `base` is `PENDING`: the true base, and the highest net of the interval before it,
    /// which no frame has taken yet.
    pending: Cell<(Bytes, i64)>,
    /// Bytes that are subtracted from the raw counters: what memprobe and the subscriber spent on
    /// this thread, and what carried work did here, which the frames around it must not be
    /// credited with.
    spent: Cell<Bytes>,
    /// True while memprobe itself is at work: nothing is measured then.
    is_ignoring: Cell<bool>,
    /// While `is_ignoring`: the raw counters from which on nothing is measured.
    ignored_from: Cell<Bytes>,
    /// True while what is ignored is the work of a subscriber, which [`Counting`] may interrupt.
    is_in_subscriber: Cell<bool>,
    /// True once a `realloc` came through memprobe's allocator while memprobe was at work.
    realloc_seen: Cell<bool>,
    /// The raw counters from which growth is counted: those at the last callback of the
    /// allocator, or those that `has_grown_by` set.
    called_back: Cell<Bytes>,
    /// Bytes of the block that a `realloc` in progress replaces, which jemalloc counts until the
    /// `realloc` is done.
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
            ignored_from: Cell::new(Bytes::ZERO),
            is_in_subscriber: Cell::new(false),
            realloc_seen: Cell::new(false),
            called_back: Cell::new(Bytes::ZERO),
            replaced: Cell::new(0),
        }
    };
}

/// A base that no counters reach, so that [`Thread::has_moved`] also notices a pending interval.
const PENDING: Bytes = Bytes { allocated: u64::MAX, freed: u64::MAX };

/// jemalloc updates a thread's peak only each time the thread has allocated this many bytes
/// (`PEAK_EVENT_WAIT`), so a peak may be this much too low. If less was allocated since the base,
/// the net now is no further off, and the peak slot is not read.
const PEAK_STEP: u64 = 64 << 10;

/// Returns the state of this thread.
#[inline]
pub(crate) fn thread() -> &'static Thread {
    let thread = THREAD.with(ptr::from_ref);
    // SAFETY: the state has no destructor and lives as long as its thread. A reference to it
    // cannot leave the thread, because the state is not `Sync`.
    unsafe { &*thread }
}

impl Thread {
    /// Reads jemalloc's own counters.
    #[inline]
    pub fn raw(&self) -> Bytes {
        match self.counters.get() {
            Some(counters) => counters.read(),
            None => self.start(),
        }
    }

    /// Reads the raw counters if they were read before; `None` if not.
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

    /// Returns the logical counters: the raw ones less what was spent.
    #[inline]
    pub fn logical(&self, raw: Bytes) -> Bytes {
        raw.since(self.spent.get())
    }

    /// Subtracts bytes from the logical counters.
    pub fn spend(&self, bytes: Bytes) {
        self.spent.set(self.spent.get().plus(bytes));
    }

    /// Returns true if memprobe itself is at work on this thread.
    #[inline]
    pub fn is_ignoring(&self) -> bool {
        self.is_ignoring.get()
    }

    /// Returns true if the counters have moved since the last reset of the peak slot, or if the
    /// interval before it is pending.
    #[inline]
    pub fn has_moved(&self, raw: Bytes) -> bool {
        raw != self.base.get()
    }

    /// Resets the peak slot and starts a new interval at `raw`.
    #[inline]
    pub fn rebase(&self, raw: Bytes) {
        if let Some(peak) = self.peak.get() {
            peak.reset();
        }
        self.base.set(raw);
    }

    /// Returns the highest logical net of this interval and of a pending one, in bytes.
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

    /// Ignores what this thread allocates and frees from now on.
    fn ignore(&self) {
        let raw = self.raw();
        if self.has_moved(raw) {
            // The slot is reset in `count`, so its highest is kept for the next frame that looks.
            self.pending.set((raw, self.highest(raw)));
            self.base.set(PENDING);
        }
        self.ignored_from.set(raw);
        self.is_ignoring.set(true);
    }

    /// Counts what this thread allocates and frees from now on.
    fn count(&self) {
        let raw = self.raw();
        self.spend(raw.since(self.ignored_from.get()));
        let is_pending = self.base.get() == PENDING;
        self.rebase(raw);
        if is_pending {
            self.pending.set((raw, self.pending.get().1));
            self.base.set(PENDING);
        }
        self.is_ignoring.set(false);
    }

    /// Notes the bytes of the block that a `realloc` replaces, which jemalloc still counts; 0 once
    /// it is done.
    #[cfg(feature = "jemalloc")]
    pub fn set_replaced(&self, bytes: u64) {
        self.replaced.set(bytes);
    }

    /// Notes that a `realloc` came through memprobe's allocator while memprobe was at work.
    #[cfg(feature = "jemalloc")]
    pub fn set_realloc_seen(&self) {
        self.realloc_seen.set(true);
    }

    /// Returns the logical counters in a callback of the allocator, which passes the raw ones.
    /// A block that a `realloc` is replacing counts as freed.
    pub fn logical_called_back(&self, raw: Bytes) -> Bytes {
        self.logical(raw).plus(Bytes { allocated: 0, freed: self.replaced.get() })
    }

    /// Stores the raw counters of a callback of the allocator. Returns those stored before.
    pub fn call_back(&self, raw: Bytes) -> Bytes {
        self.called_back.replace(raw)
    }
}

/// A guard: while it lives, nothing that this thread allocates or frees is in any figure.
pub(crate) struct IgnoreAllocs {
    outermost: bool,
}

impl IgnoreAllocs {
    pub fn begin() -> IgnoreAllocs {
        let thread = thread();
        let outermost = !thread.is_ignoring.get();
        if outermost {
            thread.ignore();
        }
        IgnoreAllocs { outermost }
    }

    /// Begins to ignore the work of a subscriber, in which [`Counting`] may measure calls.
    #[cfg(feature = "spans")]
    pub fn of_subscriber() -> IgnoreAllocs {
        let ignored = IgnoreAllocs::begin();
        if ignored.outermost {
            thread().is_in_subscriber.set(true);
        }
        ignored
    }
}

impl Drop for IgnoreAllocs {
    fn drop(&mut self) {
        if self.outermost {
            let thread = thread();
            thread.is_in_subscriber.set(false);
            thread.count();
        }
    }
}

/// A guard: while it lives, calls are measured although the work of a subscriber around it is
/// ignored.
#[cfg(feature = "spans")]
pub(crate) struct Counting {
    is_in_subscriber: bool,
}

#[cfg(feature = "spans")]
impl Counting {
    /// Returns `None` while memprobe itself is at work.
    pub fn begin() -> Option<Counting> {
        let thread = thread();
        let is_in_subscriber = thread.is_in_subscriber.replace(false);
        if is_in_subscriber {
            thread.count();
        }
        (!thread.is_ignoring()).then_some(Counting { is_in_subscriber })
    }
}

#[cfg(feature = "spans")]
impl Drop for Counting {
    fn drop(&mut self) {
        if self.is_in_subscriber {
            let thread = thread();
            thread.ignore();
            thread.is_in_subscriber.set(true);
        }
    }
}

/// Makes a value for the user. It is in memory that the calling function has allocated and will free;
/// what making it takes is in no figure.
pub(crate) fn for_caller<T: Clone>(make: impl FnOnce() -> T) -> T {
    if is_ignoring() {
        return make();
    }
    let ignored = IgnoreAllocs::begin();
    let ours = make();
    drop(ignored);
    let theirs = ours.clone();
    let _ignored = IgnoreAllocs::begin();
    drop(ours);
    theirs
}

/// Returns true if memprobe itself is at work on this thread.
#[inline]
pub(crate) fn is_ignoring() -> bool {
    thread().is_ignoring()
}

/// Returns true if this thread holds at least `bytes` more than when growth was last counted from.
/// Growth is counted from now on if so, or if the thread holds less.
pub(crate) fn has_grown_by(bytes: u64) -> bool {
    let thread = thread();
    let raw = thread.raw();
    let grown = raw.net().wrapping_sub(thread.called_back.get().net());
    if grown < 0 || grown >= bytes as i64 {
        thread.called_back.set(raw);
    }
    grown >= bytes as i64
}

/// Returns true if the global allocator is memprobe's own, which reports its reallocs.
pub(crate) fn is_realloc_seen() -> bool {
    let _ignored = IgnoreAllocs::begin();
    let mut block = std::hint::black_box(Vec::<u8>::with_capacity(64 << 10));
    block.reserve_exact(128 << 10);
    drop(std::hint::black_box(block));
    thread().realloc_seen.get()
}
