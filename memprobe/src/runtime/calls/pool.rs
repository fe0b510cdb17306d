//! The records that exist, and which of them are free.
//!
//! 1. A call acquires a record from the free ones of its thread, and releases it to those of the
//!    thread on which it ends, without a lock.
//! 2. A thread that has none left takes some from the pool, and one that has too many gives half of
//!    them back. The pool's lock is taken once for many calls.
//! 3. Pages whose records are all free go back to the kernel; a few are kept. After a burst of
//!    calls the memory is what it was before.
//!
//! A record is never unmapped, so any thread may read any record at any time: the records of a page
//! that was given back read as free.

use std::cell::Cell;
use std::collections::BTreeSet;

use crate::runtime::calls::record::Record;
use crate::runtime::readings::fork;
use crate::runtime::readings::pages::{self, PAGE, Zeroed};
use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::sync::append_list::AppendList;
use crate::runtime::sync::atomic::{
    AtomicBool, AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use crate::runtime::sync::static_ref::StaticRef;
use crate::runtime::sync::thread_local;
use crate::runtime::sync::{Mutex, MutexGuard};

/// Maximum number of free records that a thread keeps.
const KEPT: u32 = 64;
/// Records that a thread takes from the pool at once: most threads have only a few calls at a time.
const TAKEN: usize = 8;
/// Idle pages that are kept, 256 KiB. Further ones are given back once there are twice as many.
const IDLE_PAGES: usize = 64;
/// Maximum number of pages made at once, and otherwise an eighth of those in use.
const MADE: usize = 64;
/// Pages of the first slab; each further one has as many as all before.
const FIRST_SLAB: usize = 16;

const PER_PAGE: usize = PAGE / size_of::<Record>();

#[repr(align(4096))]
struct Records([Record; PER_PAGE]);

// SAFETY: by its alignment it is a page, and it consists of records, which hold nothing but
// atomics: numbers, flags, and pointers that may be null.
unsafe impl Zeroed for Records {}

/// Contiguous pages, which the pool never unmaps.
struct Slab {
    records: &'static [Records],
    pages: Box<[Page]>,
}

/// What the pool knows of a page.
struct Page {
    /// Set when its records are made, cleared when the page is given back.
    in_use: AtomicBool,
    /// The free records that are in the pool, and their number.
    free: StaticRef<Record>,
    free_count: AtomicU32,
    /// The first serial of its records when the page is used again.
    serial: AtomicU32,
}

static SLABS: AppendList<Slab> = AppendList::new();
static POOL: Mutex<Pool> = Mutex::new(Pool::new());

struct Pool {
    /// Pages in all slabs.
    pages: usize,
    /// Pages from this index on were never used.
    fresh: usize,
    /// Pages in use.
    in_use: usize,
    /// Pages in use some of whose records are free, and those all of whose records are. Records
    /// are taken from the first, so that the last become idle.
    partial: BTreeSet<u32>,
    idle: BTreeSet<u32>,
    /// Pages that were given back.
    blank: BTreeSet<u32>,
    /// The platform does not take pages back.
    keeps_idle: bool,
}

thread_local! {
    /// The free records of this thread, as a chain.
    static FREE: Cell<Option<&'static Record>> = const { Cell::new(None) };
    /// How many more may be added to the chain; 0 if the keeper is not registered.
    static ROOM: Cell<u32> = const { Cell::new(0) };
    static KEEPER: Keeper = const { Keeper };
}

/// Gives the free records of its thread back to the pool when the thread ends.
struct Keeper;

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ignored = IgnoreAllocs::begin();
        ROOM.set(0);
        if let Some(mut pool) = lock() {
            pool.release(std::iter::from_fn(pop));
        }
    }
}

/// Acquires a free record of this thread, if there is one.
#[inline]
pub(crate) fn acquire() -> Option<&'static Record> {
    let record = pop()?;
    ROOM.set(ROOM.get().wrapping_add(1));
    Some(record)
}

/// Ends the call of a record that is in no chain of frames, and releases the record.
#[inline]
pub(crate) fn release(record: &'static Record) {
    record.end();
    release_ended(record);
}

/// Releases the record of a call that has ended already.
#[inline]
pub(crate) fn release_ended(record: &'static Record) {
    record.clear();
    give(record);
}

/// Ends the call of a clean record and releases it: only the entry wrote to it, so nothing needs
/// clearing.
#[inline]
pub(crate) fn release_clean(record: &'static Record) {
    record.end();
    give(record);
}

#[inline]
fn give(record: &'static Record) {
    let room = ROOM.get();
    if room == 0 {
        return give_where_full(record);
    }
    ROOM.set(room - 1);
    push(record);
}

#[inline]
fn push(record: &'static Record) {
    record.set_next(FREE.get());
    FREE.set(Some(record));
}

#[inline]
fn pop() -> Option<&'static Record> {
    let record = FREE.get()?;
    FREE.set(record.next());
    Some(record)
}

/// Returns all records of the pages in use, free ones too.
pub(crate) fn all() -> impl Iterator<Item = &'static Record> {
    SLABS.iter().flat_map(|slab| {
        let pages = slab.pages.iter().zip(slab.records);
        pages.filter(|(page, _)| page.in_use.load(Acquire)).flat_map(|(_, records)| &records.0)
    })
}

/// Acquires a record where this thread has no free one. Returns `None` if there is no memory for
/// another, or in a forked child in which the pool stays locked.
#[cold]
#[inline(never)]
pub(crate) fn refill() -> Option<&'static Record> {
    let _ignored = IgnoreAllocs::begin();
    // A thread whose destructors have run can no longer give free records back, so it keeps none.
    let is_kept = KEEPER.try_with(|_| ()).is_ok();
    let mut pool = lock()?;
    let record = pool.take()?;
    let mut room = 0;
    if is_kept {
        let more: Vec<_> = std::iter::from_fn(|| pool.take()).take(TAKEN - 1).collect();
        room = KEPT - more.len() as u32;
        more.into_iter().rev().for_each(push);
    }
    ROOM.set(room);
    Some(record)
}

/// Releases a record where the thread has as many free ones as it keeps.
#[cold]
#[inline(never)]
fn give_where_full(record: &'static Record) {
    let _ignored = IgnoreAllocs::begin();
    if FREE.get().is_none() && KEEPER.try_with(|_| ()).is_ok() {
        // This thread ends calls that began on another.
        ROOM.set(KEPT - 1);
        return push(record);
    }
    let Some(mut pool) = lock() else { return push(record) };
    pool.release([record]);
    for _ in 0..KEPT / 2 {
        let Some(record) = pop() else { return };
        pool.release([record]);
        ROOM.set(ROOM.get() + 1);
    }
}

/// Locks the pool; `None` in a forked child in which it stays locked. A holder waits for nothing, and
/// a signal handler on its thread does not need the pool, because memprobe measures nothing there
/// meanwhile.
fn lock() -> Option<MutexGuard<'static, Pool>> {
    fork::lock(&POOL)
}

impl Slab {
    fn map(pages: usize) -> Option<Slab> {
        let records = pages::map(pages)?;
        Some(Slab { records, pages: (0..pages).map(|_| Page::new()).collect() })
    }
}

/// Returns the slab of a page, and the page's index in it. The slabs are few: each has as many
/// pages as all before.
fn slab_of(page: u32) -> Option<(&'static Slab, usize)> {
    let mut at = page as usize;
    for slab in SLABS.iter() {
        if at < slab.pages.len() {
            return Some((slab, at));
        }
        at -= slab.pages.len();
    }
    None
}

impl Pool {
    const fn new() -> Pool {
        Pool {
            pages: 0,
            fresh: 0,
            in_use: 0,
            partial: BTreeSet::new(),
            idle: BTreeSet::new(),
            blank: BTreeSet::new(),
            keeps_idle: false,
        }
    }

    fn take(&mut self) -> Option<&'static Record> {
        let known = [&self.partial, &self.idle, &self.blank].into_iter().find_map(BTreeSet::first);
        let index = match known {
            Some(&index) => index,
            None => self.fresh_page()?,
        };
        let (slab, at) = slab_of(index)?;
        let page = &slab.pages[at];
        if !page.in_use.load(Relaxed) {
            self.make(slab, at, index);
        }
        let was_idle = page.is_idle();
        let record = page.pop()?;
        if was_idle {
            self.idle.remove(&index);
        }
        match page.free_count.load(Relaxed) {
            0 => _ = self.partial.remove(&index),
            _ if was_idle => _ = self.partial.insert(index),
            _ => {}
        }
        Some(record)
    }

    /// Takes a page that was never used.
    fn fresh_page(&mut self) -> Option<u32> {
        if self.fresh == self.pages {
            let slab = SLABS.add(Slab::map(FIRST_SLAB.max(self.pages))?, |_| false);
            self.pages += slab.pages.len();
        }
        let index = u32::try_from(self.fresh).ok()?;
        self.fresh += 1;
        Some(index)
    }

    /// Fills a page, and some unused pages after it, with free records.
    fn make(&mut self, slab: &'static Slab, at: usize, index: u32) {
        let most = (self.in_use / 8).clamp(1, MADE);
        let unused = slab.pages[at..].iter().take_while(|page| !page.in_use.load(Relaxed));
        let count = unused.take(most).count();
        pages::will_need(&slab.records[at..at + count]);
        for (index, at) in (index..).zip(at..at + count) {
            slab.pages[at].renew(&slab.records[at], index);
            self.blank.remove(&index);
            self.idle.insert(index);
        }
        self.fresh = self.fresh.max(index as usize + count);
        self.in_use += count;
    }

    fn release(&mut self, records: impl IntoIterator<Item = &'static Record>) {
        for record in records {
            let index = record.page();
            let Some((slab, at)) = slab_of(index) else { continue };
            let page = &slab.pages[at];
            page.push(record);
            if page.is_idle() {
                self.partial.remove(&index);
                self.idle.insert(index);
                if self.idle.len() >= 2 * IDLE_PAGES && !self.keeps_idle {
                    self.give_back();
                }
            } else if page.free_count.load(Relaxed) == 1 {
                self.partial.insert(index);
            }
        }
    }

    /// Gives the last idle pages back to the kernel, adjacent ones at once.
    #[cold]
    fn give_back(&mut self) {
        while self.idle.len() > IDLE_PAGES {
            let Some(last) = self.idle.pop_last() else { return };
            let Some((slab, last_at)) = slab_of(last) else { return };
            let (mut first, mut at) = (last, last_at);
            while at > 0 && self.idle.len() > IDLE_PAGES && self.idle.remove(&(first - 1)) {
                (first, at) = (first - 1, at - 1);
            }
            if give_back(&slab.pages[at..=last_at], &slab.records[at..=last_at]) {
                self.blank.extend(first..=last);
                self.in_use -= last_at + 1 - at;
            } else {
                self.idle.extend(first..=last);
                self.keeps_idle = true;
                return;
            }
        }
    }
}

/// Gives adjacent pages back to the kernel. Returns whether they are gone.
fn give_back(pages: &[Page], records: &'static [Records]) -> bool {
    // The pages are taken out of use first, so that no thread reads one that is half gone.
    for (page, records) in pages.iter().zip(records) {
        page.in_use.store(false, Relaxed);
        let serials = records.0.iter().map(Record::serial);
        page.serial.store(serials.max().unwrap_or(0).wrapping_add(1), Relaxed);
    }
    let is_gone = pages::give_back(records);
    for page in pages {
        if is_gone {
            page.free.store(None, Relaxed);
            page.free_count.store(0, Relaxed);
        } else {
            page.in_use.store(true, Release);
        }
    }
    is_gone
}

impl Page {
    fn new() -> Page {
        Page {
            in_use: AtomicBool::new(false),
            free: StaticRef::none(),
            free_count: AtomicU32::new(0),
            serial: AtomicU32::new(1),
        }
    }

    /// Whether the page is in use and all its records are free.
    fn is_idle(&self) -> bool {
        self.free_count.load(Relaxed) as usize == PER_PAGE
    }

    /// Makes all records of the page free ones. Serials of calls from before the page was given
    /// back are not used again.
    fn renew(&self, records: &'static Records, index: u32) {
        let serial = self.serial.load(Relaxed);
        // In reverse, so that the first record is acquired first.
        for record in records.0.iter().rev() {
            record.renew(index, serial);
            self.push(record);
        }
        self.in_use.store(true, Release);
    }

    fn push(&self, record: &'static Record) {
        record.set_next(self.free.load(Relaxed));
        self.free.store(Some(record), Relaxed);
        self.free_count.store(self.free_count.load(Relaxed) + 1, Relaxed);
    }

    fn pop(&self) -> Option<&'static Record> {
        let record = self.free.load(Relaxed)?;
        self.free.store(record.next(), Relaxed);
        self.free_count.store(self.free_count.load(Relaxed) - 1, Relaxed);
        Some(record)
    }
}

#[cfg(all(test, memprobe_loom))]
pub(in crate::runtime) mod models;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_record_takes_what_the_documentation_says() {
        assert_eq!(size_of::<Record>(), 384);
        assert_eq!(size_of::<Records>(), PAGE);
    }
}
