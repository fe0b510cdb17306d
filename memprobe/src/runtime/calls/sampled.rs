//! The hooks that jemalloc calls for a sampled block: they find the call that allocates it. Nothing
//! here allocates, waits, or calls `tracing`.

use std::ptr;
use std::sync::OnceLock;

use crate::report::live::APART;
use crate::runtime::calls::record::Record;
use crate::runtime::calls::{resizing, stack};
use crate::runtime::readings::clock;
use crate::runtime::readings::sample_hooks::{Hooks, Missing, Sample};
use crate::runtime::readings::samples;
use crate::runtime::readings::thread::{self, IgnoreAllocs};
use crate::runtime::stats::live::BLOCKS;
use crate::runtime::stats::live::owner::{CallRef, Owner};
use crate::runtime::stats::live::sums::weight;
use crate::runtime::stats::live::table::Block;
use crate::runtime::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// jemalloc's default interval between two samples, in bytes.
const DEFAULT_INTERVAL: u64 = 512 << 10;
static INTERVAL: AtomicU64 = AtomicU64::new(DEFAULT_INTERVAL);

/// One sample in this many has its stack taken; 0 is none.
static STACK_EVERY: AtomicU32 = AtomicU32::new(8);

static STARTED: OnceLock<Result<(), Missing>> = OnceLock::new();

/// Starts to follow sampled blocks, if jemalloc samples. Blocks that were sampled before are not
/// known. The first call decides.
pub(crate) fn start() -> Result<(), Missing> {
    *STARTED.get_or_init(|| {
        samples::prepare();
        let _ignored = IgnoreAllocs::begin();
        samples::check()?;
        if !BLOCKS.map() {
            return Err(Missing::Memory);
        }
        let _ = APART.set(|work| {
            let _ignored = IgnoreAllocs::begin();
            work();
        });
        read_interval();
        samples::install(Hooks { on_sample, on_free, takes_stack });
        Ok(())
    })
}

/// Reads jemalloc's interval again, which may have been changed.
pub(crate) fn read_interval() {
    INTERVAL.store(samples::interval().unwrap_or(DEFAULT_INTERVAL), Relaxed);
}

/// Takes the stack of one sample in `every`; of none if it is 0.
pub(crate) fn set_stack_every(every: u32) {
    STACK_EVERY.store(every, Relaxed);
}

fn takes_stack() -> bool {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let every = STACK_EVERY.load(Relaxed);
    COUNT.fetch_add(1, Relaxed).checked_rem(every) == Some(0)
}

fn on_sample(sample: &Sample<'_>) {
    let &Sample { address, size, stack } = sample;
    let weight = weight(size, INTERVAL.load(Relaxed));
    if let Some(block) = resizing::take() {
        return BLOCKS.put(block, address, size, weight);
    }
    let (owner, call) = owner();
    let born = clock::coarse();
    BLOCKS.insert(&Block { address, owner, call, size, weight, born, stack });
}

fn on_free(address: usize) {
    if !resizing::is_resized(address) {
        return BLOCKS.remove(address);
    }
    // It was not sampled again.
    if let Some(block) = resizing::take() {
        BLOCKS.discard(block);
    }
}

/// Returns what allocates on this thread now: its innermost call.
fn owner() -> (Owner, Option<CallRef>) {
    if thread::is_ignoring() {
        return (Owner::Memprobe, None);
    }
    let in_call = |record: &'static Record| Some((record, record.position()?));
    match stack::chain().find_map(in_call) {
        Some((record, position)) => (Owner::Call(position), Some(whole(record))),
        None => (Owner::NotAnnotated, None),
    }
}

/// Returns the call that this work was carried out of, if it still runs; or else the call, or the
/// work, of the record itself.
fn whole(record: &'static Record) -> CallRef {
    let (mut record, mut whole) = (record, record.call_ref());
    while let Some((parent, call)) = record.parent_ref().filter(|_| record.is_carried()) {
        if ptr::eq(parent, record) {
            break;
        }
        // The call may end meanwhile, and its record may be another's.
        (record, whole) = (parent, call);
    }
    whole
}
