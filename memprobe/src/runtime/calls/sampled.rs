//! The hooks that jemalloc calls for a sampled block: they find the call that allocates it. Nothing
//! here allocates, waits, or calls `tracing`.

use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::report::live::APART;
use crate::runtime::calls::record::Record;
use crate::runtime::calls::stack;
use crate::runtime::readings::clock;
use crate::runtime::readings::samples::{self, Hooks, Missing, Sample};
use crate::runtime::readings::thread::{self, IgnoreAllocs};
use crate::runtime::stats::live::BLOCKS;
use crate::runtime::stats::live::owner::{CallRef, Owner};
use crate::runtime::stats::live::sums::weight;
use crate::runtime::stats::live::table::Block;

/// jemalloc's default interval between two samples, in bytes.
const DEFAULT_INTERVAL: u64 = 512 << 10;
static INTERVAL: AtomicU64 = AtomicU64::new(DEFAULT_INTERVAL);

/// One sample in this many has its stack taken; 0 is none.
static STACK_EVERY: AtomicU32 = AtomicU32::new(4);

static STARTED: OnceLock<Result<(), Missing>> = OnceLock::new();

/// Starts to follow sampled blocks, if jemalloc samples. Blocks that were sampled before are not
/// known. The first call decides.
pub(crate) fn start() -> Result<(), Missing> {
    *STARTED.get_or_init(|| {
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
    let resized = thread::thread().resized();
    // A block that is resized stays its owner's.
    let old = (resized != 0).then(|| BLOCKS.owner_of(resized)).flatten();
    let (owner, call, born) = old.unwrap_or_else(|| {
        let (owner, call) = owner();
        (owner, call, clock::coarse())
    });
    let weight = weight(sample.size, INTERVAL.load(Relaxed));
    let (size, stack) = (sample.size, sample.stack);
    BLOCKS.insert(sample.address, Block { owner, call, size, weight, born, stack });
}

fn on_free(address: usize) {
    BLOCKS.remove(address);
}

/// Returns what allocates on this thread now: its innermost call.
fn owner() -> (Owner, Option<CallRef>) {
    if thread::is_ignoring() {
        return (Owner::Memprobe, None);
    }
    let in_call = |record: &'static Record| Some((record, record.position()?));
    match stack::chain().find_map(in_call) {
        Some((record, position)) => (Owner::Call(position), Some(whole(record).call_ref())),
        None => (Owner::NotAnnotated, None),
    }
}

/// Returns the call that this work was carried out of, if it still runs; or else the record itself.
fn whole(record: &'static Record) -> &'static Record {
    let mut whole = record;
    while let Some(further) = whole.parent().filter(|_| whole.is_carried()) {
        if ptr::eq(further, whole) {
            break;
        }
        whole = further;
    }
    whole
}
