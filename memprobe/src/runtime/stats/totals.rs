//! Totals of a segment. Each shard counts in its own cells; reading adds them up.

use crate::runtime::readings::bytes::Bytes;
use crate::runtime::readings::shard::{SHARDS, Shard};
use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::stats::generation::Generation;
use crate::runtime::sync::atomic::{AtomicI64, AtomicU64, Ordering::Acquire, Ordering::Relaxed};
use crate::runtime::sync::static_ref::StaticRef;

/// Totals of one segment in one shard, in one cache line.
#[repr(align(64))]
struct Cells {
    generation: Generation,
    count: AtomicU64,
    allocated: AtomicU64,
    freed: AtomicU64,
    self_allocated: AtomicU64,
    self_freed: AtomicU64,
    peak: AtomicU64,
    level_or_self_peak: AtomicU64,
}

/// What one segment of one call did, or one whole call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observation {
    pub bytes: Bytes,
    pub own: Bytes,
    /// Highest net above the segment's start, in bytes; 0 if `bytes` is zero.
    pub peak: u64,
    /// Segments: highest net above the call's start. Calls: peak without nested calls. One field,
    /// so that `Cells` stays a cache line.
    pub level_or_self_peak: u64,
    /// True for a whole call, with a probe or without.
    pub is_call: bool,
}

impl Cells {
    #[cold]
    fn make(place: &StaticRef<Cells>) -> &'static Cells {
        let _ignored = IgnoreAllocs::begin();
        let zero = || AtomicU64::new(0);
        place.get_or_init(|| Cells {
            generation: Generation::now(),
            count: zero(),
            allocated: zero(),
            freed: zero(),
            self_allocated: zero(),
            self_freed: zero(),
            peak: zero(),
            level_or_self_peak: zero(),
        })
    }

    fn all(&self) -> [&AtomicU64; 7] {
        [
            &self.count,
            &self.allocated,
            &self.freed,
            &self.self_allocated,
            &self.self_freed,
            &self.peak,
            &self.level_or_self_peak,
        ]
    }

    #[cold]
    fn renew(&self) {
        self.generation.renew(|| {
            for cell in self.all() {
                cell.store(0, Relaxed);
            }
        });
    }

    fn net(&self) -> i64 {
        Bytes { allocated: self.allocated.load(Relaxed), freed: self.freed.load(Relaxed) }.net()
    }
}

/// Totals of one segment over all calls.
pub(crate) struct Totals {
    /// Each is created at its first observation.
    shards: [StaticRef<Cells>; SHARDS],
    /// Only whole calls have them. A group is created when one of its shards counts a second call.
    checkpoints: StaticRef<[StaticRef<[Checkpoints; TOGETHER]>; SHARDS / TOGETHER]>,
}

/// Shards whose checkpoints are created together: a pointer for each shard would take much memory.
const TOGETHER: usize = 4;
const _: () = assert!(SHARDS % TOGETHER == 0, "each shard is in a group");

/// Number and net of the calls at the last two powers of two, which separate the later calls from
/// the earlier ones.
#[derive(Default)]
struct Checkpoints {
    before: Checkpoint,
    last: Checkpoint,
}

#[derive(Default)]
struct Checkpoint {
    count: AtomicU64,
    net: AtomicI64,
}

impl Checkpoint {
    fn set(&self, (count, net): (u64, i64)) {
        self.count.store(count, Relaxed);
        self.net.store(net, Relaxed);
    }

    fn get(&self) -> (u64, i64) {
        (self.count.load(Relaxed), self.net.load(Relaxed))
    }
}

impl Totals {
    pub const fn new() -> Totals {
        Totals { shards: [const { StaticRef::none() }; SHARDS], checkpoints: StaticRef::none() }
    }

    /// Returns the cells of a shard, ready to be added to.
    #[inline]
    fn cells(&self, shard: Shard) -> &Cells {
        let place = shard.of(&self.shards);
        let cells = place.load(Acquire).unwrap_or_else(|| Cells::make(place));
        if !cells.generation.is_current() {
            cells.renew();
        }
        cells
    }

    /// Adds a whole call that neither allocated nor freed.
    #[inline]
    pub fn add_idle(&self, shard: Shard) {
        let count = &self.cells(shard).count;
        let count = if shard.is_shared() { add::<false>(count, 1) } else { add::<true>(count, 1) };
        self.pass_checkpoint(shard, count);
    }

    /// Adds an observation, on the thread with this shard.
    #[allow(clippy::inline_always, reason = "what it adds is in registers")]
    #[inline(always)]
    pub fn add(&self, shard: Shard, observation: Observation) {
        let cells = self.cells(shard);
        if shard.is_shared() {
            self.add_among_others(shard, cells, observation);
        } else {
            self.add_to::<true>(shard, cells, observation);
        }
    }

    #[cold]
    fn add_among_others(&self, shard: Shard, cells: &Cells, observation: Observation) {
        self.add_to::<false>(shard, cells, observation);
    }

    /// `ALONE`: no other thread writes to these cells.
    #[inline]
    fn add_to<const ALONE: bool>(&self, shard: Shard, cells: &Cells, observation: Observation) {
        let count = add::<ALONE>(&cells.count, 1);
        raise::<ALONE>(&cells.level_or_self_peak, observation.level_or_self_peak);
        if observation.bytes != Bytes::ZERO {
            add::<ALONE>(&cells.allocated, observation.bytes.allocated);
            add::<ALONE>(&cells.freed, observation.bytes.freed);
            add::<ALONE>(&cells.self_allocated, observation.own.allocated);
            add::<ALONE>(&cells.self_freed, observation.own.freed);
            raise::<ALONE>(&cells.peak, observation.peak);
        }
        if observation.is_call {
            self.pass_checkpoint(shard, count);
        }
    }

    /// Records number and net of the calls when their number is a power of two.
    #[inline]
    fn pass_checkpoint(&self, shard: Shard, count: u64) {
        if count & count.wrapping_sub(1) == 0 && count > 1 {
            self.checkpoint(shard, count);
        }
    }

    #[cold]
    fn checkpoint(&self, shard: Shard, count: u64) {
        let _ignored = IgnoreAllocs::begin();
        let (group, at) = (shard.index() / TOGETHER, shard.index() % TOGETHER);
        let groups =
            self.checkpoints.get_or_init(|| [const { StaticRef::none() }; SHARDS / TOGETHER]);
        let checkpoints = &groups[group].get_or_init(Default::default)[at];
        // At the second call, what is there is from before the last reset.
        checkpoints.before.set(if count == 2 { (0, 0) } else { checkpoints.last.get() });
        checkpoints.last.set((count, self.cells(shard).net()));
    }

    /// Returns the sums over all shards.
    pub fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        for (shard, cells) in self.shards.iter().enumerate() {
            let cells = cells.load(Acquire).filter(|cells| cells.generation.is_current());
            let Some(cells) = cells else { continue };
            let [count, allocated, freed, own_allocated, own_freed, peak, level_or_self_peak] =
                cells.all().map(|cell| cell.load(Relaxed));
            sums.count += count;
            sums.bytes = sums.bytes.plus(Bytes { allocated, freed });
            sums.own = sums.own.plus(Bytes { allocated: own_allocated, freed: own_freed });
            sums.peak = sums.peak.max(peak);
            sums.level_or_self_peak = sums.level_or_self_peak.max(level_or_self_peak);
            let groups = self.checkpoints.load(Acquire);
            let group = groups.and_then(|groups| groups[shard / TOGETHER].load(Acquire));
            let Some(checkpoints) = group.map(|group| &group[shard % TOGETHER]) else { continue };
            let (count_before, net_before) = checkpoints.before.get();
            if count_before > 0 && checkpoints.last.get().0 <= count {
                sums.recent_count += count.saturating_sub(count_before);
                sums.recent_net += cells.net().wrapping_sub(net_before);
            }
        }
        sums
    }
}

/// Returns the new value.
#[inline]
fn add<const ALONE: bool>(cell: &AtomicU64, more: u64) -> u64 {
    if ALONE {
        let sum = cell.load(Relaxed).wrapping_add(more);
        cell.store(sum, Relaxed);
        sum
    } else {
        cell.fetch_add(more, Relaxed).wrapping_add(more)
    }
}

#[inline]
fn raise<const ALONE: bool>(cell: &AtomicU64, to: u64) {
    if cell.load(Relaxed) >= to {
        return;
    }
    if ALONE {
        cell.store(to, Relaxed);
    } else {
        cell.fetch_max(to, Relaxed);
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    pub count: u64,
    pub bytes: Bytes,
    pub own: Bytes,
    pub peak: u64,
    pub level_or_self_peak: u64,
    /// The later calls of each shard, at least half of them.
    pub recent_count: u64,
    pub recent_net: i64,
}

#[cfg(all(test, memprobe_loom))]
mod models;
