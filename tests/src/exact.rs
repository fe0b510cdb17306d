//! An independent exact counter: a global allocator over another one that counts usable
//! sizes itself, on each thread, and knows the peaks of all open scopes by brute force.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;

/// How many scopes of one thread may be open at once.
const DEPTH: usize = 64;

/// Counts what passes through to `A`, which is jemalloc in one wrapper or another.
pub struct Exact<A>(pub A);

struct Thread {
    paused: Cell<bool>,
    allocated: Cell<u64>,
    freed: Cell<u64>,
    open: Cell<usize>,
    /// Highest net since each open scope began.
    peaks: [Cell<i64>; DEPTH],
    /// The same if every `realloc` had moved its block.
    moved_peaks: [Cell<i64>; DEPTH],
}

thread_local! {
    static THREAD: Thread = const {
        Thread {
            paused: Cell::new(false),
            allocated: Cell::new(0),
            freed: Cell::new(0),
            open: Cell::new(0),
            peaks: [const { Cell::new(0) }; DEPTH],
            moved_peaks: [const { Cell::new(0) }; DEPTH],
        }
    };
}

impl Thread {
    fn net(&self) -> i64 {
        self.allocated.get() as i64 - self.freed.get() as i64
    }

    fn count(&self, allocated: usize, freed: usize) {
        self.allocated.set(self.allocated.get() + allocated as u64);
        self.freed.set(self.freed.get() + freed as u64);
    }

    fn raise(&self, net: i64, moved: i64) {
        for depth in 0..self.open.get() {
            let (peak, moved_peak) = (&self.peaks[depth], &self.moved_peaks[depth]);
            peak.set(peak.get().max(net));
            moved_peak.set(moved_peak.get().max(moved));
        }
    }
}

fn counting(count: impl FnOnce(&Thread)) {
    THREAD.with(|thread| {
        if !thread.paused.get() {
            count(thread);
        }
    });
}

fn usable(block: *mut u8) -> usize {
    // SAFETY: called for blocks that jemalloc has just given out or is about to take back.
    unsafe { tikv_jemallocator::usable_size(block) }
}

fn given_out(block: *mut u8) {
    counting(|thread| {
        thread.count(usable(block), 0);
        thread.raise(thread.net(), thread.net());
    });
}

// SAFETY: every call goes to the inner allocator unchanged.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Exact<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that the inner allocator asks for.
        let block = unsafe { self.0.alloc(layout) };
        given_out(block);
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let block = unsafe { self.0.alloc_zeroed(layout) };
        given_out(block);
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        counting(|thread| thread.count(0, usable(block)));
        // SAFETY: as above.
        unsafe { self.0.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let old = usable(block);
        // SAFETY: as above.
        let new_block = unsafe { self.0.realloc(block, layout, new_size) };
        counting(|thread| {
            let new = usable(new_block);
            let both = thread.net() + new as i64;
            thread.count(new, old);
            let in_place = new_block == block;
            thread.raise(if in_place { thread.net() } else { both }, both);
        });
        new_block
    }
}

/// What the exact counter has of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Bytes allocated.
    pub allocated: u64,
    /// Bytes freed.
    pub freed: u64,
    /// Highest net above the start.
    pub peak: u64,
    /// The same if every `realloc` had moved its block.
    pub moved_peak: u64,
}

impl Figures {
    /// `allocated − freed`.
    pub fn net(&self) -> i64 {
        self.allocated as i64 - self.freed as i64
    }
}

/// A scope of the exact counter; ends in the reverse order of its begin.
#[derive(Debug)]
pub struct Scope {
    depth: usize,
    allocated: u64,
    freed: u64,
}

impl Scope {
    /// Begins to count.
    pub fn begin() -> Scope {
        THREAD.with(|thread| {
            let depth = thread.open.get();
            thread.open.set(depth + 1);
            thread.peaks[depth].set(thread.net());
            thread.moved_peaks[depth].set(thread.net());
            Scope { depth, allocated: thread.allocated.get(), freed: thread.freed.get() }
        })
    }

    /// What has happened since the begin.
    ///
    /// # Panics
    ///
    /// If a scope that began later is still open.
    pub fn end(self) -> Figures {
        THREAD.with(|thread| {
            assert_eq!(thread.open.get(), self.depth + 1, "scopes end in reverse order");
            thread.open.set(self.depth);
            let start = self.allocated as i64 - self.freed as i64;
            Figures {
                allocated: thread.allocated.get() - self.allocated,
                freed: thread.freed.get() - self.freed,
                peak: (thread.peaks[self.depth].get() - start) as u64,
                moved_peak: (thread.moved_peaks[self.depth].get() - start) as u64,
            }
        })
    }
}

/// Stops counting on this thread, or goes on: around what memprobe itself does. Returns whether it
/// was stopped before.
pub fn pause(paused: bool) -> bool {
    THREAD.with(|thread| thread.paused.replace(paused))
}
