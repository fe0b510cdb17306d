//! An independent table of all live blocks: a global allocator over memprobe's own that notes of
//! each block its size class and what allocated it, as the test itself has told it. The table lies
//! in the program's zeroed data, outside jemalloc.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};

use crate::blocks;

/// memprobe's allocator, with the table.
#[derive(Debug)]
pub struct Tracked;

/// What allocates on a thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Owner {
    /// The functions from the root to the innermost one, each a number from 1 in 8 bits, the root
    /// in the lowest; 0 outside any call.
    pub path: u64,
    /// The label, a number; 0 is the entry.
    pub after: u8,
    /// memprobe itself.
    pub is_memprobe: bool,
}

/// The label of work that was carried out of a call.
pub const CARRIED: u8 = u8::MAX;

/// What allocates on a thread, and in which call: a number from 1, or 0 outside any call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    pub owner: Owner,
    pub call: u32,
}

impl Now {
    pub const NOTHING: Now =
        Now { owner: Owner { path: 0, after: 0, is_memprobe: false }, call: 0 };

    fn call_of(self, function: u8) -> Now {
        let depth = (64 - self.owner.path.leading_zeros()).div_ceil(8);
        assert!(depth < 8, "no deeper than a path has room for");
        let path = self.owner.path | u64::from(function) << (8 * depth);
        Now { owner: Owner { path, ..Owner::default() }, call: new_call(0) }
    }
}

impl Owner {
    pub fn is_inside(self, function: u8) -> bool {
        self.path.to_le_bytes().contains(&function)
    }
}

thread_local! {
    static NOW: Cell<Now> = const { Cell::new(Now::NOTHING) };
}

/// Returns what allocates on this thread now.
pub fn now() -> Now {
    let now = NOW.get();
    Now { call: whole(now.call), ..now }
}

/// Sets what allocates while `f` runs; what `f` made of it is returned too.
fn with<T>(now: Now, f: impl FnOnce() -> T) -> (T, Now) {
    struct Back(Now);
    impl Drop for Back {
        fn drop(&mut self) {
            let now = NOW.get();
            if now.call == self.0.call {
                // A label that was passed in the same call.
                self.0.owner.after = now.owner.after;
            }
            NOW.set(self.0);
        }
    }
    let back = Back(NOW.replace(now));
    let result = f();
    let after = NOW.get();
    drop(back);
    (result, after)
}

/// Runs what memprobe may allocate in, up to where `inside` begins.
pub fn memprobes<T>(f: impl FnOnce() -> T) -> T {
    let mut now = NOW.get();
    now.owner.is_memprobe = true;
    with(now, f).0
}

/// The body of a call of `function`, numbered from 1.
pub fn inside<T>(function: u8, body: impl FnOnce() -> T) -> T {
    let mut now = NOW.get();
    now.owner.is_memprobe = false;
    let now = now.call_of(function);
    let (result, _) = with(now, body);
    end(now.call);
    result
}

/// The call has passed a label.
pub fn passed(label: u8) {
    let mut now = NOW.get();
    now.owner.after = label;
    NOW.set(now);
}

// --- calls --------------------------------------------------------------------------------

const CALLS: usize = 1 << 22;
static LAST_CALL: AtomicU32 = AtomicU32::new(0);
static RUNNING: [AtomicBool; CALLS] = [const { AtomicBool::new(false) }; CALLS];
/// For work that was carried: what it was carried out of.
static CARRIED_FROM: [AtomicU32; CALLS] = [const { AtomicU32::new(0) }; CALLS];
static HAS_CARRIED: [AtomicBool; CALLS] = [const { AtomicBool::new(false) }; CALLS];

fn new_call(carried_from: u32) -> u32 {
    let call = LAST_CALL.fetch_add(1, SeqCst) + 1;
    RUNNING[call as usize].store(true, SeqCst);
    CARRIED_FROM[call as usize].store(carried_from, SeqCst);
    call
}

fn end(call: u32) {
    RUNNING[call as usize].store(false, SeqCst);
}

pub fn is_running(call: u32) -> bool {
    RUNNING[call as usize].load(SeqCst)
}

/// Whether this is carried work whose call has ended, or such a call.
pub fn is_of_ended_carrier(call: u32) -> bool {
    let from = CARRIED_FROM[call as usize].load(SeqCst);
    let carrier = if from == 0 { call } else { from };
    HAS_CARRIED[carrier as usize].load(SeqCst) && !is_running(carrier)
}

/// Returns what a piece of work belongs to: the call that it was carried out of, if that runs.
fn whole(mut call: u32) -> u32 {
    loop {
        let from = CARRIED_FROM[call as usize].load(SeqCst);
        if from == 0 || !is_running(from) {
            return call;
        }
        call = from;
    }
}

// --- futures and carried work -------------------------------------------------------------

/// What allocates in a future, or in carried work, wherever it runs.
#[derive(Debug)]
pub struct Place(Option<Now>);

impl Place {
    /// Work that is carried out of what allocates now.
    pub fn carried() -> Place {
        let now = NOW.get();
        HAS_CARRIED[now.call as usize].store(true, SeqCst);
        Place((now.call != 0).then(|| Now {
            owner: Owner { after: CARRIED, is_memprobe: false, ..now.owner },
            call: new_call(now.call),
        }))
    }

    /// A call of `function` that begins now.
    pub fn begin(function: u8) -> Place {
        let mut now = NOW.get();
        now.owner.is_memprobe = false;
        Place(Some(now.call_of(function)))
    }

    /// Runs a part of it. Outside any call, carried work is that of where it runs.
    pub fn run<T>(&mut self, part: impl FnOnce() -> T) -> T {
        let mut now = self.0.unwrap_or_else(|| NOW.get());
        now.owner.is_memprobe = false;
        let (result, after) = with(now, part);
        if let Some(now) = &mut self.0 {
            *now = after;
        }
        result
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(now) = self.0 {
            end(now.call);
        }
    }
}

// --- the allocator ------------------------------------------------------------------------

fn class(layout: Layout) -> u64 {
    // memprobe's allocator passes no alignment up to this one.
    const FREE: usize = 16;
    let flags = if layout.align() <= FREE && layout.align() <= layout.size() {
        0
    } else {
        tikv_jemalloc_sys::MALLOCX_ALIGN(layout.align())
    };
    // SAFETY: the size of a layout is not 0 here, and its alignment is a power of two.
    unsafe { tikv_jemalloc_sys::nallocx(layout.size(), flags) as u64 }
}

fn note(block: *mut u8, layout: Layout) -> *mut u8 {
    if !block.is_null() {
        blocks::add(block.addr(), blocks::Known { size: class(layout), now: now() });
    }
    block
}

// SAFETY: every call goes to memprobe's allocator unchanged.
unsafe impl GlobalAlloc for Tracked {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that the inner allocator asks for.
        note(unsafe { memprobe::Allocator.alloc(layout) }, layout)
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        note(unsafe { memprobe::Allocator.alloc_zeroed(layout) }, layout)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        blocks::remove(block.addr());
        // SAFETY: as above.
        unsafe { memprobe::Allocator.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let known = blocks::remove(block.addr());
        // SAFETY: as above.
        let new = unsafe { memprobe::Allocator.realloc(block, layout, new_size) };
        let Some(mut known) = known else { return new };
        if new.is_null() {
            blocks::add(block.addr(), known);
            return new;
        }
        // SAFETY: the alignment is that of a layout, and the size was just allocated.
        known.size = class(unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) });
        // It stays its owner's.
        blocks::add(new.addr(), known);
        new
    }
}
