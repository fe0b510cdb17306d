//! What the tests of `live` share.

#![allow(missing_docs, reason = "only the tests of this package use it")]

pub mod blocks;
pub mod judge;
pub mod program;
pub mod truth;

use std::ffi::{CStr, c_char};

use memprobe::report::OwnerKind;

pub const MIB: usize = 1 << 20;

/// A program's own configuration of jemalloc, for a static of the name that jemalloc reads.
#[derive(Debug)]
#[repr(transparent)]
pub struct MallocConf(*const c_char);

// SAFETY: it points to a constant.
unsafe impl Sync for MallocConf {}

impl MallocConf {
    pub const fn of(text: &'static CStr) -> MallocConf {
        MallocConf(text.as_ptr())
    }
}

/// A block of 16 MiB, which is always sampled, and stands for itself.
pub fn large() -> Vec<u8> {
    Vec::with_capacity(16 * MIB)
}

/// Returns how many MiB running calls and finished ones own after a label; calls are named by the
/// functions from the root on.
///
/// # Panics
///
/// If nothing is sampled.
pub fn owned(path: &[&str], after: &str) -> (u64, u64) {
    let live = memprobe::live().expect("it is sampled");
    let row = live.owners.iter().find(|row| row.path == path && row.after == Some(after));
    row.map_or((0, 0), |row| (mib(row.running.bytes), mib(row.finished.bytes)))
}

/// Returns how many MiB an owner other than a call has.
///
/// # Panics
///
/// If nothing is sampled.
pub fn owned_by(kind: OwnerKind) -> u64 {
    let live = memprobe::live().expect("it is sampled");
    live.owners.iter().find(|row| row.kind == kind).map_or(0, |row| mib(row.live.bytes))
}

fn mib(bytes: u64) -> u64 {
    bytes / MIB as u64
}
