//! `live()`, and how sampling is controlled while a program runs.

use crate::report::Live;
use crate::runtime::calls::sampled;
use crate::runtime::readings::sample_hooks::Missing;
use crate::runtime::readings::samples;
use crate::runtime::readings::thread::{IgnoreAllocs, for_caller};
use crate::runtime::readings::{clock, proc};
use crate::runtime::stats::live;
use crate::runtime::stats::live::owner::{CallRef, Owner};
use crate::values::status::Sampling;
use crate::values::usage::Unavailable;

/// Returns who owns the memory that is live now. It needs the feature `live`, and
/// `memprobe::global_allocator!(live)` in the crate with `main`.
///
/// Reads each sampled block once: some 20 ns a block, of which there are about two for each MiB.
///
/// # Errors
///
/// Returns why allocations are not sampled, and what to add.
///
/// # Examples
///
/// ```
/// match memprobe::live() {
///     Ok(live) => live.owners.iter().take(5).for_each(|owner| println!("{owner}")),
///     Err(why) => println!("{why}"),
/// }
/// ```
pub fn live() -> Result<Live, Unavailable> {
    for_caller(|| {
        start()?;
        look();
        Ok(live::rows().0)
    })
}

/// Adds a point to the history if one is due. Annotated calls do that too; a program without any
/// has only these.
pub(crate) fn look() {
    if live::BLOCKS.is_mapped() {
        live::history::sample(clock::coarse(), proc::uptime_us(clock::fine()));
    }
}

/// Returns whether allocations are sampled.
pub(crate) fn state() -> Sampling {
    match (start(), samples::interval()) {
        (Err(why), _) => Sampling::Unavailable(why),
        (Ok(()), Some(interval)) if samples::is_active() => Sampling::Active { interval },
        (Ok(()), _) => Sampling::Paused,
    }
}

/// Starts to follow sampled blocks, if that has not been done.
fn start() -> Result<(), Unavailable> {
    let _ignored = IgnoreAllocs::begin();
    sampled::start().map_err(|missing| match missing {
        Missing::OtherAllocator => Unavailable::OtherAllocator,
        Missing::Hooks => Unavailable::OldJemalloc,
        Missing::Prof | Missing::Memory => Unavailable::NotSampled,
    })
}

/// Starts or stops sampling new allocations. Blocks that were sampled before stay known until they
/// are freed. Threads may notice a little later.
///
/// # Errors
///
/// Returns why allocations cannot be sampled, and what to add.
pub fn set_active(active: bool) -> Result<(), Unavailable> {
    start()?;
    samples::set_active(active).then_some(()).ok_or(Unavailable::NotSampled)
}

/// Sets the mean number of bytes between two samples, rounded down to a power of two; 512 KiB at
/// first. A quarter of it halves the errors, and quadruples the cost. Blocks that were sampled
/// before keep the weight that they had.
///
/// # Errors
///
/// Returns why allocations cannot be sampled, and what to add.
pub fn set_interval(bytes: u64) -> Result<(), Unavailable> {
    start()?;
    let is_set = samples::set_interval_log(bytes.max(1).ilog2() as usize);
    sampled::read_interval();
    is_set.then_some(()).ok_or(Unavailable::NotSampled)
}

/// Takes the stack of one sample in `every`, and of none if it is 0; of one in 8 at first. A stack
/// takes some microseconds. With the feature `profiling` all stacks are taken.
pub fn set_stack_every(every: u32) {
    sampled::set_stack_every(every);
}

/// A sampled block, for tests that know of each block who has allocated it.
#[derive(Debug)]
pub struct SampledBlock {
    /// Its address.
    pub address: usize,
    /// Bytes of its size class.
    pub size: u64,
    /// `None` for memprobe's own; empty outside any call.
    pub path: Option<Vec<&'static str>>,
    /// The label that its call had passed last.
    pub after: Option<&'static str>,
    /// Whether that call still runs.
    pub is_running: bool,
}

/// Returns the sampled blocks that are live.
pub fn sampled_blocks() -> Vec<SampledBlock> {
    let _ignored = IgnoreAllocs::begin();
    let mut blocks = Vec::new();
    live::BLOCKS.each(|block| {
        let (path, after) = match block.owner {
            Owner::Call(position) => (Some(live::path(position.node)), Some(position.after)),
            Owner::NotAnnotated => (Some(Vec::new()), None),
            Owner::Memprobe => (None, None),
        };
        blocks.push(SampledBlock {
            address: block.address,
            size: block.size,
            path,
            after,
            is_running: block.call.is_some_and(CallRef::is_running),
        });
    });
    blocks
}
