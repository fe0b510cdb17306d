//! The live blocks by address, in the program's zeroed data.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::truth::Now;

/// What is known of a block.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Bytes of its size class.
    pub size: u64,
    pub now: Now,
}

const SHARDS: usize = 64;
const SLOTS: usize = 1 << 13;

#[derive(Clone, Copy)]
struct Slot {
    /// 0 if the slot is free.
    address: usize,
    known: Known,
}

const FREE: Slot = Slot { address: 0, known: Known { size: 0, now: Now::NOTHING } };

/// Blocks with linear probing.
struct Shard {
    slots: [Slot; SLOTS],
    count: usize,
}

static TABLE: [Mutex<Shard>; SHARDS] =
    [const { Mutex::new(Shard { slots: [FREE; SLOTS], count: 0 }) }; SHARDS];

fn hash(address: usize) -> usize {
    ((address >> 4) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) as usize >> 20
}

fn shard(address: usize) -> MutexGuard<'static, Shard> {
    TABLE[hash(address) % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
}

fn home(address: usize) -> usize {
    hash(address) / SHARDS % SLOTS
}

impl Shard {
    /// Returns the slot of the address, or the free one where it belongs.
    fn find(&self, address: usize) -> usize {
        let mut at = home(address);
        while self.slots[at].address != 0 && self.slots[at].address != address {
            at = (at + 1) % SLOTS;
        }
        at
    }
}

/// Adds a block that was given out.
///
/// # Panics
///
/// If the address is that of a live block, or the table is full.
pub fn add(address: usize, known: Known) {
    let mut shard = shard(address);
    let at = shard.find(address);
    assert!(shard.slots[at].address == 0, "{address:#x} was given out twice");
    shard.count += 1;
    assert!(shard.count < SLOTS, "the test has too many blocks");
    shard.slots[at] = Slot { address, known };
}

/// Removes a block that is about to be freed.
pub fn remove(address: usize) -> Option<Known> {
    let mut shard = shard(address);
    let mut at = shard.find(address);
    let Slot { address: found, known } = shard.slots[at];
    if found == 0 {
        return None;
    }
    shard.count -= 1;
    shard.slots[at] = FREE;
    // What follows moves up, unless that would be before its home.
    let mut next = (at + 1) % SLOTS;
    while shard.slots[next].address != 0 {
        let home = home(shard.slots[next].address);
        if (next + SLOTS - home) % SLOTS >= (next + SLOTS - at) % SLOTS {
            shard.slots[at] = shard.slots[next];
            shard.slots[next] = FREE;
            at = next;
        }
        next = (next + 1) % SLOTS;
    }
    Some(known)
}

/// Returns what is known of the block at `address`.
pub fn get(address: usize) -> Option<Known> {
    let shard = shard(address);
    let slot = shard.slots[shard.find(address)];
    (slot.address != 0).then_some(slot.known)
}

/// Calls `look` with each live block; it must not allocate.
pub fn each(mut look: impl FnMut(usize, &Known)) {
    for shard in &TABLE {
        let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        for slot in shard.slots.iter().filter(|slot| slot.address != 0) {
            look(slot.address, &slot.known);
        }
    }
}
