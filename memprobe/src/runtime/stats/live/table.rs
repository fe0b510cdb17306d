//! The sampled blocks that are live, by address.
//!
//! 1. An *entry* has what is known of a block. Entries lie side by side and are reused, so that
//!    reading all of them reads only as many as there ever were at once.
//! 2. A *key* is a block's page and the index of its entry. Its place follows from a hash of the
//!    page; a small table of keys is tried first, and a large one if there is no room.
//! 3. Only the thread that allocates or frees a block changes its entry. Other threads read an entry
//!    between two looks at its version, and leave it out if the two differ.
//!
//! All of it is used inside the allocator: nothing here allocates after [`Table::map`], or waits.

use std::sync::OnceLock;

use crate::runtime::readings::pages::{self, PAGE, Zeroed};
use crate::runtime::stats::call_tree::Position;
use crate::runtime::stats::live::owner::{CallRef, Owner};
use crate::runtime::sync::atomic::{
    AtomicU32, AtomicU64, AtomicUsize, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed,
    Ordering::Release, fence,
};
use crate::runtime::sync::static_ref::StaticRef;

/// Return addresses that are kept of a stack, the innermost.
pub(crate) const FRAMES: usize = 24;

/// Most blocks at once: 32 GiB at jemalloc's interval of 512 KiB. The entries take 16 MiB then.
const ENTRIES: usize = 1 << ENTRY_BITS;
const ENTRY_BITS: u32 = 16;
/// Places for keys that one block may have in the small table and in the large one: neighbours, in
/// 2 and in 4 cache lines.
const FEW: usize = 16;
const MANY: usize = 32;
/// Keys in the small table, 8 KiB, and in the large one, 1 MiB.
const SMALL: usize = 1 << 10;
const LARGE: usize = 1 << 17;

/// What is known of a sampled block.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a> {
    /// Not that of any block while a `realloc` moves it.
    pub address: usize,
    pub owner: Owner,
    pub call: Option<CallRef>,
    /// Bytes of its size class.
    pub size: u64,
    /// Estimated bytes that it stands for.
    pub weight: u64,
    /// When it was allocated, in ns of the coarse clock.
    pub born: u64,
    pub stack: &'a [usize],
}

/// A block that [`Table::lift`] took out: the index of its entry.
#[derive(Clone, Copy)]
pub(crate) struct Lifted(usize);

#[repr(align(64))]
struct Entry {
    /// Odd while the entry is being changed.
    version: AtomicU32,
    /// Index of the next free entry plus 1.
    next: AtomicU32,
    /// 0 if the entry is free.
    page: AtomicU64,
    size: AtomicU64,
    weight: AtomicU64,
    born: AtomicU64,
    position: StaticRef<Position>,
    serial: StaticRef<AtomicU32>,
    serial_was: AtomicU32,
    /// [`Owner::code`], and whether the next free of the block is the end of a resize in place.
    owner: AtomicU32,
    stack: [AtomicUsize; FRAMES - 1],
    frames: AtomicUsize,
}

/// A flag in `Entry::owner`.
const RESIZED: u32 = 1 << 8;

const PER_PAGE: usize = PAGE / size_of::<Entry>();

#[repr(align(4096))]
struct Entries([Entry; PER_PAGE]);

#[repr(align(4096))]
struct Keys([AtomicU64; PAGE / 8]);

// SAFETY: by their alignment and length they are pages, and they consist of atomics: numbers, and
// pointers that may be null.
unsafe impl Zeroed for Entries {}
// SAFETY: as above.
unsafe impl Zeroed for Keys {}

/// The table. It is empty, and refuses all blocks, until its memory is mapped.
pub(crate) struct Table {
    memory: OnceLock<Memory>,
    /// Index of the first free entry plus 1, and above it a count that tells apart two states with
    /// the same index.
    free: AtomicU64,
    /// Entries from this index on were never used.
    used: AtomicUsize,
    /// Whether a key was ever put into the large table.
    is_large: AtomicU32,
    lost: AtomicU64,
}

struct Memory {
    entries: &'static [Entries],
    small: &'static [Keys],
    large: &'static [Keys],
}

impl Memory {
    fn map() -> Option<Memory> {
        Some(Memory {
            entries: pages::map(ENTRIES / PER_PAGE)?,
            small: pages::map(SMALL * 8 / PAGE)?,
            large: pages::map(LARGE * 8 / PAGE)?,
        })
    }

    fn entry(&self, index: usize) -> &'static Entry {
        &self.entries[index / PER_PAGE].0[index % PER_PAGE]
    }
}

/// Returns the places that a page's key may have in a table: `most` neighbours.
fn places(
    keys: &'static [Keys],
    page: u64,
    most: usize,
) -> impl Iterator<Item = &'static AtomicU64> {
    const PER_PAGE: usize = PAGE / 8;
    let groups = keys.len() * PER_PAGE / most;
    // Fibonacci hashing: the upper bits of a product with 2⁶⁴ / φ.
    let hash = page.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    let first = hash as usize % groups * most;
    (first..first + most).map(|at| &keys[at / PER_PAGE].0[at % PER_PAGE])
}

impl Table {
    pub const fn new() -> Table {
        Table {
            memory: OnceLock::new(),
            free: AtomicU64::new(0),
            used: AtomicUsize::new(0),
            is_large: AtomicU32::new(0),
            lost: AtomicU64::new(0),
        }
    }

    /// Maps the memory of the table, which takes memory only as far as it is used. Returns `false`
    /// if the system refuses.
    pub fn map(&self) -> bool {
        if !self.is_mapped() {
            if let Some(memory) = Memory::map() {
                let _ = self.memory.set(memory);
            }
        }
        self.is_mapped()
    }

    pub fn is_mapped(&self) -> bool {
        self.memory.get().is_some()
    }

    /// Returns how many blocks there was no room for.
    pub fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    /// Adds a block that was allocated just now. If there is one at its address, that block was
    /// resized in place, by an allocator that does not [`lift`](Table::lift) it: it keeps its owner.
    pub fn insert(&self, block: &Block<'_>) {
        let Some(memory) = self.memory.get() else { return };
        let page = page(block.address);
        if let Some((_, index)) = self.find(memory, page) {
            let entry = memory.entry(index);
            entry.change(|| {
                entry.size.store(block.size, Relaxed);
                entry.weight.store(block.weight, Relaxed);
                entry.owner.store(entry.owner.load(Relaxed) | RESIZED, Relaxed);
            });
            return;
        }
        let Some(index) = self.pop(memory) else {
            self.lost.fetch_add(1, Relaxed);
            return;
        };
        memory.entry(index).fill(page, block);
        self.add_key(memory, page, index);
    }

    /// Removes the block at `address`, which is about to be freed.
    pub fn remove(&self, address: usize) {
        let Some(memory) = self.memory.get() else { return };
        let Some((key, index)) = self.find(memory, page(address)) else { return };
        let entry = memory.entry(index);
        let owner = entry.owner.load(Relaxed);
        if owner & RESIZED != 0 {
            // jemalloc frees the block of before a resize after it has sampled the one after it.
            entry.owner.store(owner & !RESIZED, Relaxed);
            return;
        }
        key.store(0, Relaxed);
        self.release(memory, index);
    }

    fn release(&self, memory: &Memory, index: usize) {
        memory.entry(index).empty();
        self.push(memory, index);
    }

    /// Takes the block at `address` out, if it was sampled: it is about to be resized, and another
    /// one may be at its address before the hooks are called. Other threads still see it, without
    /// an address. The calling thread must own the block.
    pub fn lift(&self, address: usize) -> Option<Lifted> {
        let memory = self.memory.get()?;
        let (key, index) = self.find(memory, page(address))?;
        key.store(0, Relaxed);
        let entry = memory.entry(index);
        entry.change(|| entry.page.store(MOVING, Relaxed));
        Some(Lifted(index))
    }

    /// Puts a block back as it was.
    pub fn put_back(&self, block: Lifted, address: usize) {
        let Some(memory) = self.memory.get() else { return };
        let (entry, page) = (memory.entry(block.0), page(address));
        entry.change(|| entry.page.store(page, Relaxed));
        self.add_key(memory, page, block.0);
    }

    /// Puts a block back that was resized. It keeps its owner, its age, and its stack.
    pub fn put(&self, block: Lifted, address: usize, size: u64, weight: u64) {
        let Some(memory) = self.memory.get() else { return };
        let (entry, page) = (memory.entry(block.0), page(address));
        entry.change(|| {
            entry.page.store(page, Relaxed);
            entry.size.store(size, Relaxed);
            entry.weight.store(weight, Relaxed);
        });
        self.add_key(memory, page, block.0);
    }

    /// Forgets a block that was freed, or is no longer sampled.
    pub fn discard(&self, block: Lifted) {
        if let Some(memory) = self.memory.get() {
            self.release(memory, block.0);
        }
    }

    /// Calls `look` with each block that is live. Blocks that are allocated or freed meanwhile may
    /// be left out. Neither allocates nor waits.
    pub fn each(&self, mut look: impl FnMut(&Block<'_>)) {
        let Some(memory) = self.memory.get() else { return };
        let used = self.used.load(Acquire).min(ENTRIES);
        for index in 0..used {
            memory.entry(index).read(&mut look);
        }
    }

    /// Returns the key of a page, and the index of its entry.
    fn find(&self, memory: &Memory, page: u64) -> Option<(&'static AtomicU64, usize)> {
        let is_it = |key: &&AtomicU64| key.load(Relaxed) >> ENTRY_BITS == page;
        let key = places(memory.small, page, FEW).find(is_it).or_else(|| {
            let is_large = self.is_large.load(Relaxed) != 0;
            places(memory.large, page, MANY).find(|key| is_large && is_it(key))
        })?;
        Some((key, index(key.load(Relaxed))))
    }

    /// Makes an entry the one of `page`. Loses the block if there is no place for the key.
    fn add_key(&self, memory: &Memory, page: u64, index: usize) {
        let key = page << ENTRY_BITS | index as u64;
        let take = |place: &AtomicU64| {
            place.load(Relaxed) == 0 && place.compare_exchange(0, key, Relaxed, Relaxed).is_ok()
        };
        if places(memory.small, page, FEW).any(take) {
            return;
        }
        self.is_large.store(1, Relaxed);
        if !places(memory.large, page, MANY).any(take) {
            self.release(memory, index);
            self.lost.fetch_add(1, Relaxed);
        }
    }

    /// Takes a free entry.
    fn pop(&self, memory: &Memory) -> Option<usize> {
        let mut free = self.free.load(Acquire);
        while let Some(index) = (free as u32).checked_sub(1) {
            let next = memory.entry(index as usize).next.load(Relaxed);
            let new = tagged(free, next);
            match self.free.compare_exchange_weak(free, new, Acquire, Acquire) {
                Ok(_) => return Some(index as usize),
                Err(now) => free = now,
            }
        }
        let more = |used: usize| (used < ENTRIES).then_some(used + 1);
        self.used.fetch_update(AcqRel, Relaxed, more).ok()
    }

    fn push(&self, memory: &Memory, index: usize) {
        let mut free = self.free.load(Relaxed);
        loop {
            memory.entry(index).next.store(free as u32, Relaxed);
            let new = tagged(free, index as u32 + 1);
            match self.free.compare_exchange_weak(free, new, Release, Relaxed) {
                Ok(_) => return,
                Err(now) => free = now,
            }
        }
    }
}

/// Returns the head of the list of free entries that follows `before`.
fn tagged(before: u64, index: u32) -> u64 {
    ((before >> 32).wrapping_add(1) << 32) | u64::from(index)
}

/// The page of a block that a `realloc` is moving; no block has it.
const MOVING: u64 = u64::MAX;

/// Returns the page of a block; a sampled block is alone in it. It is not 0.
fn page(address: usize) -> u64 {
    (address / PAGE) as u64
}

fn index(key: u64) -> usize {
    (key & ((1 << ENTRY_BITS) - 1)) as usize
}

impl Entry {
    /// Changes the entry, so that other threads notice.
    fn change(&self, change: impl FnOnce()) {
        let version = self.version.load(Relaxed);
        self.version.store(version.wrapping_add(1), Relaxed);
        fence(Release);
        change();
        self.version.store(version.wrapping_add(2), Release);
    }

    fn fill(&self, page: u64, block: &Block<'_>) {
        let (code, position) = block.owner.code();
        let frames = block.stack.len().min(self.stack.len());
        self.change(|| {
            self.page.store(page, Relaxed);
            self.size.store(block.size, Relaxed);
            self.weight.store(block.weight, Relaxed);
            self.born.store(block.born, Relaxed);
            self.position.store(position, Release);
            self.serial.store(block.call.map(|call| call.serial), Release);
            self.serial_was.store(block.call.map_or(0, |call| call.was), Relaxed);
            self.owner.store(code, Relaxed);
            for (place, &frame) in self.stack.iter().zip(block.stack) {
                place.store(frame, Relaxed);
            }
            self.frames.store(frames, Relaxed);
        });
    }

    fn empty(&self) {
        self.change(|| self.page.store(0, Relaxed));
    }

    fn call(&self) -> Option<CallRef> {
        let serial = self.serial.load(Acquire)?;
        Some(CallRef { serial, was: self.serial_was.load(Relaxed) })
    }

    /// Calls `look` with the block, unless the entry is free or is being changed.
    fn read(&self, look: &mut impl FnMut(&Block<'_>)) {
        let version = self.version.load(Acquire);
        let page = self.page.load(Relaxed);
        if version % 2 != 0 || page == 0 {
            return;
        }
        let mut stack = [0; FRAMES - 1];
        let frames = self.frames.load(Relaxed).min(stack.len());
        for (frame, place) in stack[..frames].iter_mut().zip(&self.stack) {
            *frame = place.load(Relaxed);
        }
        let Some(owner) = Owner::of(self.owner.load(Relaxed), self.position.load(Acquire)) else {
            return;
        };
        let block = Block {
            address: (page as usize).wrapping_mul(PAGE),
            owner,
            call: self.call(),
            size: self.size.load(Relaxed),
            weight: self.weight.load(Relaxed),
            born: self.born.load(Relaxed),
            stack: &stack[..frames],
        };
        fence(Acquire);
        if self.version.load(Relaxed) == version {
            look(&block);
        }
    }
}

#[cfg(test)]
mod tests;
