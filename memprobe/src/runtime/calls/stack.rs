//! The frames that each thread has open, the innermost first, which give exact bytes of nested
//! calls.
//!
//! 1. A frame stores the logical counters of its thread when it is entered.
//! 2. At every point the one peak slot that jemalloc has for a thread is flushed: its value goes to
//!    the innermost frame, and a new interval starts.
//! 3. A frame that is left raises the maxima of the frame around it to its own.
//! 4. A frame may be left before those inside it. They are settled first, as if they were left and
//!    entered again around what comes next.
//!
//! Only the thread on which a frame was entered changes the chain that it is in. So a chain is
//! always a finite list, whatever coroutines do: a frame is added when its record is in no chain,
//! and a record is released, or its call resumed, when its frame is in none.

use std::cell::Cell;
use std::ptr;

use crate::runtime::calls::frame::{Delta, Progress};
use crate::runtime::calls::pool;
use crate::runtime::calls::record::Record;
use crate::runtime::readings::bytes::Bytes;
use crate::runtime::readings::thread::{IgnoreAllocs, Thread, thread};
use crate::runtime::sync::thread_local;

thread_local! {
    static INNERMOST: Cell<Option<&'static Record>> = const { Cell::new(None) };
    static LEAVER: Leaver = const { Leaver };
}

/// Leaves the open frames of its thread to the threads that end their calls.
struct Leaver;

impl Drop for Leaver {
    fn drop(&mut self) {
        let _ignored = IgnoreAllocs::begin();
        let mut next = INNERMOST.take();
        while let Some(record) = next {
            next = record.outer();
            leave_to_others(record);
        }
    }
}

/// Returns the innermost open frame of this thread.
#[inline]
pub(crate) fn innermost() -> Option<&'static Record> {
    INNERMOST.get()
}

/// Returns the open frames of this thread, the innermost first.
#[inline]
pub(crate) fn chain() -> impl Iterator<Item = &'static Record> + use<> {
    outwards(innermost())
}

/// Returns the frames inside an open one, the innermost first.
fn inside(record: &Record) -> impl Iterator<Item = &'static Record> {
    chain().take_while(move |inner| !ptr::eq(*inner, record))
}

/// Returns the frames around an open one, the nearest first.
#[inline]
pub(crate) fn callers(record: &Record) -> impl Iterator<Item = &'static Record> + use<> {
    outwards(record.outer())
}

#[inline]
fn outwards(from: Option<&'static Record>) -> impl Iterator<Item = &'static Record> {
    std::iter::successors(from, |record| record.outer())
}

/// Opens a frame on this thread. Returns `None`, and opens nothing, while memprobe itself is at
/// work or if there is no record.
#[inline]
pub(crate) fn enter() -> Option<&'static Record> {
    let thread = thread();
    if thread.is_ignoring() {
        return None;
    }
    let record = pool::acquire().or_else(refill)?;
    link(thread, record);
    Some(record)
}

#[cold]
fn refill() -> Option<&'static Record> {
    let _ignored = IgnoreAllocs::begin();
    // Fails on a thread whose destructors have run: its open frames are not left to others.
    let _ = LEAVER.try_with(|_| ());
    pool::refill()
}

/// Opens the frame of a call that goes on. Returns `false`, and opens nothing, while memprobe
/// itself is at work.
#[inline]
pub(crate) fn resume(record: &'static Record) -> bool {
    let thread = thread();
    let may = !thread.is_ignoring();
    if may {
        link(thread, record);
    }
    may
}

/// Adds a frame at the inner end of the chain.
#[inline]
fn link(thread: &Thread, record: &'static Record) {
    let outer = match innermost() {
        Some(lost) if lost.is_lost() => close_lost_frames(thread),
        outer => outer,
    };
    record.frame.enter(flush_peak(thread));
    record.set_outer(outer);
    INNERMOST.set(Some(record));
}

/// Closes the frame of a record, and credits its caller. Returns `None` if the call began on
/// another thread, as a sync call in a coroutine may: there are no figures of it, and the record is
/// gone.
#[allow(clippy::inline_always, reason = "most calls are idle, which takes a few instructions")]
#[inline(always)]
pub(crate) fn leave(record: &'static Record) -> Option<Delta> {
    let thread = thread();
    if innermost().is_none_or(|innermost| !ptr::eq(innermost, record)) {
        return leave_within(thread, record);
    }
    let raw = thread.raw();
    if !thread.has_moved(raw) && !record.frame.is_dirty() {
        // Returned from here, so that an idle call copies no figures.
        INNERMOST.set(record.outer());
        return Some(Delta::Idle);
    }
    let left = close(thread, record, raw);
    INNERMOST.set(record.outer());
    Some(left)
}

/// Closes a frame that is not the innermost: frames may be left in any order, and on a thread that
/// does not have them open.
#[cold]
#[inline(never)]
fn leave_within(thread: &Thread, record: &'static Record) -> Option<Delta> {
    let Some(now) = settle(thread, record) else {
        lose(record);
        return None;
    };
    let done = record.frame.done(now);
    let left = close_at(thread, record, record.outer(), now, now.net());
    for inner in inside(record) {
        if record.frame.is_detached() {
            // The logical counters no longer have what was done in the frame.
            inner.frame.enter(inner.frame.entered().since(done));
        }
        if inner.outer().is_some_and(|outer| ptr::eq(outer, record)) {
            inner.set_outer(record.outer());
            break;
        }
    }
    Some(left)
}

/// Flushes the peak slot for the last time, and credits the caller. Without a caller, the next
/// frame that is entered starts the new interval.
#[inline(never)]
fn close(thread: &Thread, record: &Record, raw: Bytes) -> Delta {
    let (highest, now) = (thread.highest(raw), thread.logical(raw));
    let caller = record.outer();
    if caller.is_some() && thread.has_moved(raw) {
        thread.rebase(raw);
    }
    close_at(thread, record, caller, now, highest)
}

/// Closes a frame at the logical counters `now`, and credits the caller.
#[allow(clippy::inline_always, reason = "the other use of it is rare")]
#[inline(always)]
fn close_at(
    thread: &Thread,
    record: &Record,
    caller: Option<&Record>,
    now: Bytes,
    highest: i64,
) -> Delta {
    let (left, done, level) = record.frame.close(now, highest);
    if record.frame.is_detached() {
        // For the frames around it, nothing was done on this thread.
        thread.spend(done);
    } else if let Some(caller) = caller {
        record.frame.credit_to(&caller.frame, done, level, now);
        caller.publish(now);
    }
    left
}

/// Ends the segment of a call whose frame is the innermost. Returns what the call has done, and
/// starts the next segment.
#[inline]
pub(crate) fn cut(record: &Record) -> Progress {
    let progress = record.frame.cut(flush_peak(thread()));
    record.published.set_held(progress.call.net());
    record.published.set_peak(progress.call_peak);
    progress
}

/// Counts what work elsewhere did for a call with an open frame, with which the call reached
/// `level` above its start. Nothing is counted if the call began on another thread: it is lost, and
/// the counters of this one say nothing about its caller.
#[cold]
pub(crate) fn credit(record: &'static Record, bytes: Bytes, level: i64) {
    if let Some(now) = settle(thread(), record) {
        record.frame.credit_at(now, bytes, level);
        record.publish(now);
    }
}

// --- the peak slot ------------------------------------------------------------------------

/// Raises the innermost frame to the value of the peak slot, and starts a new interval. Returns the
/// logical counters.
#[inline]
fn flush_peak(thread: &Thread) -> Bytes {
    let raw = thread.raw();
    if thread.has_moved(raw) {
        flush_moved(thread, raw);
    }
    thread.logical(raw)
}

#[inline(never)]
fn flush_moved(thread: &Thread, raw: Bytes) {
    if let Some(innermost) = innermost() {
        innermost.frame.raise_own(thread.highest(raw));
        innermost.publish(thread.logical(raw));
    }
    thread.rebase(raw);
}

/// Counts what the frames inside that of `record` have done so far for the frames around them.
/// Returns the logical counters as they stand for the frame, or `None` if it is not open on this
/// thread.
fn settle(thread: &Thread, record: &'static Record) -> Option<Bytes> {
    if !chain().any(|open| ptr::eq(open, record)) {
        return None;
    }
    let mut now = flush_peak(thread);
    for inner in inside(record) {
        if inner.frame.is_detached() {
            // What is done in a detached frame is not in the frames around it.
            now = inner.frame.entered();
        } else if let Some(outer) = inner.outer() {
            inner.frame.settle(&outer.frame, now);
        }
    }
    Some(now)
}

// --- calls that end on another thread -----------------------------------------------------

/// Ends a call on a thread that does not have its frame open. The thread that does takes the frame
/// out of its chain, and releases the record.
fn lose(record: &'static Record) {
    record.lose();
    leave_to_others(record);
}

/// Called by both threads, the one that has the frame open and the one that has ended the call. The
/// second releases the record.
fn leave_to_others(record: &'static Record) {
    if record.swap_lost() {
        pool::release_ended(record);
    }
}

/// Closes the innermost frames whose calls have ended on another thread. Returns the frame that
/// is the innermost then.
#[cold]
#[inline(never)]
fn close_lost_frames(thread: &Thread) -> Option<&'static Record> {
    while let Some(record) = innermost().filter(|record| record.is_lost()) {
        close(thread, record, thread.raw());
        INNERMOST.set(record.outer());
        pool::release_ended(record);
    }
    innermost()
}

/// Closes the innermost frames of this thread whose calls have ended on another one. Returns
/// `false` if there are none.
pub(crate) fn close_lost() -> bool {
    let is_lost = innermost().is_some_and(Record::is_lost);
    if is_lost {
        close_lost_frames(thread());
    }
    is_lost
}

// --- for other threads --------------------------------------------------------------------

/// Publishes what the open calls hold when the logical counters stand at `now`. Only the innermost
/// ones are published, so that a deep recursion costs no more than a shallow one.
fn publish_all(mut now: Bytes) {
    const MOST: usize = 1000;
    for (at, record) in chain().enumerate() {
        let held = record.frame.net(now);
        if record.frame.is_detached() {
            record.published.set_held(held);
            // What is done in a detached frame is not in the frames around it.
            now = record.frame.entered();
        } else if at < MOST {
            record.published.set_shared(held);
        } else {
            // The caller is not published, so its value does not include this one.
            record.published.set_held(held);
        }
        record.frame.mark_dirty();
        if at == MOST {
            return;
        }
    }
}

/// Publishes what all open calls of this thread hold; does nothing while memprobe itself is at
/// work, whose bytes belong to no call.
pub(crate) fn publish_held() {
    let thread = thread();
    if !thread.is_ignoring() {
        publish_all(flush_peak(thread));
    }
}

/// Publishes what all open calls of this thread hold before a `realloc`, which uses the peak slot:
/// it is not flushed.
#[cfg(feature = "jemalloc")]
pub(crate) fn publish_held_unflushed() {
    let thread = thread();
    // While memprobe is at work, the counters include bytes that are still to be subtracted.
    if let Some(raw) = thread.raw_if_started().filter(|_| !thread.is_ignoring()) {
        publish_all(thread.logical(raw));
    }
}

/// Publishes what all open calls of this thread hold, in a callback of the allocator with the raw
/// counters `raw`. Returns the raw counters of the last callback on this thread.
pub(crate) fn publish_held_at(raw: Bytes) -> Bytes {
    let thread = thread();
    if !thread.is_ignoring() {
        publish_all(thread.logical_called_back(raw));
    }
    thread.call_back(raw)
}

/// Counts a `realloc` that jemalloc may do in place exactly: jemalloc adds the new size before it
/// subtracts the old one, even where the block does not move and both never live at once.
#[cfg(feature = "jemalloc")]
#[inline]
pub(crate) fn around_realloc(
    old: *mut u8,
    old_size: usize,
    realloc: impl FnOnce() -> *mut u8,
) -> *mut u8 {
    let thread = thread();
    if thread.is_ignoring() {
        thread.set_realloc_seen();
        return realloc();
    }
    let Some(innermost) = innermost() else { return realloc() };
    let before = flush_peak(thread);
    thread.set_replaced(old_size as u64);
    let new = realloc();
    thread.set_replaced(0);
    if new.is_null() {
        return new;
    }
    let raw = thread.raw();
    let after = thread.logical(raw);
    let both = if new == old { 0 } else { after.since(before).freed as i64 };
    innermost.frame.raise_own(after.net().wrapping_add(both));
    innermost.publish(after);
    thread.rebase(raw);
    new
}
