//! The totals of a segment: each shard has its own, put together when they are read.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed};

use crate::runtime::readings::bytes::Bytes;
use crate::runtime::readings::shard::{SHARDS, Shard};
use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::sync::static_ref::StaticRef;

static GENERATION: AtomicU32 = AtomicU32::new(1);

/// Changes when everything starts anew.
pub(crate) fn generation() -> u32 {
    GENERATION.load(Relaxed)
}

/// Everything starts anew from here: cells of an older generation count as empty, and are
/// emptied by the next thread that writes there.
pub(crate) fn reset() {
    GENERATION.fetch_add(1, Relaxed);
}

/// Totals of one segment in one shard; a cache line.
#[repr(align(64))]
struct Cells {
    generation: AtomicU32,
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
    /// Highest net above the segment's start; 0 where there are no bytes.
    pub peak: u64,
    /// The one figure that the other kind does not have: for a segment the highest net above
    /// the call's start (for a call its peak), for a call its peak without nested ones.
    pub level_or_self_peak: u64,
    /// Is a whole call, with a probe or without.
    pub is_call: bool,
}

impl Cells {
    #[cold]
    fn make(place: &StaticRef<Cells>) -> &'static Cells {
        let _ignored = IgnoreAllocs::begin();
        let zero = || AtomicU64::new(0);
        place.get_or_init(|| Cells {
            generation: AtomicU32::new(generation()),
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

    /// Empties the cells of an older generation. Threads that share them may lose a observation to
    /// each other here.
    #[cold]
    fn renew(&self) {
        for cell in self.all() {
            cell.store(0, Relaxed);
        }
        self.generation.store(generation(), Relaxed);
    }

    fn net(&self) -> i64 {
        Bytes { allocated: self.allocated.load(Relaxed), freed: self.freed.load(Relaxed) }.net()
    }
}

/// What all calls did in one segment.
pub(crate) struct Totals {
    /// Each made when it is first observation.
    shards: [StaticRef<Cells>; SHARDS],
    /// For whole calls, made when one of a few shards sees a second one.
    checkpoints: StaticRef<[StaticRef<[Checkpoints; TOGETHER]>; SHARDS / TOGETHER]>,
}

/// Slots whose checkpoints are made together: for each by itself the places would take much.
const TOGETHER: usize = 4;
const _: () = assert!(SHARDS % TOGETHER == 0, "each shard is in a group");

/// Calls and their net at the last two powers of two, which tell the latter part of the calls
/// from the former.
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

    /// The cells of a shard, ready to be added to.
    #[inline]
    fn cells(&self, shard: Shard) -> &Cells {
        let place = shard.of(&self.shards);
        let cells = place.load(Acquire).unwrap_or_else(|| Cells::make(place));
        if cells.generation.load(Relaxed) != generation() {
            cells.renew();
        }
        cells
    }

    /// Adds a whole call that did nothing with memory.
    #[inline]
    pub fn add_idle(&self, shard: Shard) {
        let count = &self.cells(shard).count;
        let count = if shard.is_shared() { add::<false>(count, 1) } else { add::<true>(count, 1) };
        self.pass_checkpoint(shard, count);
    }

    /// Adds what one call did, on the thread with this shard.
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

    /// `ALONE`: nobody else writes to these cells.
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

    /// Remembers how far the calls had come at each power of two.
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
        // What was there before the second call was before the last reset.
        checkpoints.before.set(if count == 2 { (0, 0) } else { checkpoints.last.get() });
        checkpoints.last.set((count, self.cells(shard).net()));
    }

    /// The sums over all shards.
    pub fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        for (shard, cells) in self.shards.iter().enumerate() {
            let cells =
                cells.load(Acquire).filter(|cells| cells.generation.load(Relaxed) == generation());
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

/// Gives the new value.
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
    /// Of each thread's calls the latter ones: half of them or more.
    pub recent_count: u64,
    pub recent_net: i64,
}
