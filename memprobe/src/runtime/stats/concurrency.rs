//! How many calls of one function ran at once, exactly, although every thread counts by itself.
//!
//! 1. Each shard has a lane in which its threads count the calls that they have begun and not
//!    ended. A call may end in another lane than it began in, so a lane may be below 0; the sum
//!    over all lanes is how many calls run.
//! 2. Each lane has an allowance. All allowances together are the highest sum that was seen, so
//!    while each lane keeps to its own there is no new highest, and nobody looks at the others.
//! 3. A lane that goes beyond its allowance looks: it closes all lanes, reads them until two
//!    readings in a row are equal, keeps the sum if it is the highest, and hands out the
//!    allowances anew.
//!
//! A function whose calls are short, many, and on many threads would look all the time. It
//! may look only so often in a tick of the clock; where it wanted to more often, the highest that
//! it saw is a lower bound, and said to be one. What calls have in common for less than a
//! microsecond may be missed.

use std::sync::atomic::{
    AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed,
    Ordering::SeqCst, fence,
};

use crate::runtime::readings::shard::{self, SHARDS, Shard};
use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::stats::totals::generation;
use crate::runtime::sync::static_ref::StaticRef;

/// Calls that run, and the most that did at once.
pub(crate) struct Concurrency {
    lanes: StaticRef<[Lane; SHARDS]>,
    generation: AtomicU32,
    most: AtomicI64,
    /// More calls may have run at once.
    is_bound: AtomicBool,
    is_looking: AtomicBool,
    /// Somebody wanted to look while another did.
    again: AtomicBool,
    /// The last tick in which anybody looked, and how often it was in vain.
    tick: AtomicU64,
    looks: AtomicU32,
}

/// What the threads of one shard have begun and not ended.
#[repr(align(64))]
struct Lane {
    /// How many calls began here, times 2³², and how many more have begun than ended: one word,
    /// so that a lane in which anything began and ended meanwhile is not what it was.
    count: AtomicU64,
    /// As many may run without a look at the others.
    allowed: AtomicI64,
    /// The last tick in which there were looks enough.
    paused: AtomicU64,
}

/// A call in a lane's count.
const BEGUN: u64 = (1 << 32) + 1;
const ENDED: u64 = 1_u64.wrapping_neg();
/// No call may begin without a look.
const CLOSED: i64 = i64::MIN;
/// Looks in a tick, which is 1 to 10 ms, that find no new highest: some 0.2 µs each.
const LOOKS: u32 = 64;

fn open(count: u64) -> i64 {
    i64::from(count as u32 as i32)
}

impl Concurrency {
    pub const fn new() -> Concurrency {
        Concurrency {
            lanes: StaticRef::none(),
            generation: AtomicU32::new(0),
            most: AtomicI64::new(0),
            is_bound: AtomicBool::new(false),
            is_looking: AtomicBool::new(false),
            again: AtomicBool::new(false),
            tick: AtomicU64::new(0),
            looks: AtomicU32::new(0),
        }
    }

    #[inline]
    fn lanes(&self) -> &'static [Lane; SHARDS] {
        self.lanes.load(Acquire).unwrap_or_else(|| self.make())
    }

    #[cold]
    fn make(&self) -> &'static [Lane; SHARDS] {
        let _ignored = IgnoreAllocs::begin();
        self.lanes.get_or_init(|| [const { Lane::new() }; SHARDS])
    }

    /// A call begins, at `now` by the coarse clock.
    #[inline]
    pub fn enter(&self, shard: Shard, now: u64) {
        let lane = shard.of(self.lanes());
        let open = open(lane.add(shard, BEGUN));
        if open > lane.allowed.load(Relaxed) && lane.paused.load(Relaxed) != now {
            self.look(lane, now);
        }
    }

    /// A call ends.
    #[inline]
    pub fn leave(&self, shard: Shard) {
        shard.of(self.lanes()).add(shard, ENDED);
    }

    #[cold]
    #[inline(never)]
    fn look(&self, lane: &Lane, now: u64) {
        if !self.may_look(now) {
            lane.paused.store(now, Relaxed);
            self.set_bound();
            return;
        }
        self.again.store(true, SeqCst);
        for _ in 0..4 {
            if self.is_looking.swap(true, SeqCst) {
                // Who looks will see `again` when he is done.
                return;
            }
            self.again.store(false, SeqCst);
            self.look_alone();
            self.is_looking.store(false, SeqCst);
            if !self.again.load(SeqCst) {
                return;
            }
        }
        self.set_bound();
    }

    /// Whether there may be one more look in this tick.
    fn may_look(&self, now: u64) -> bool {
        if self.tick.load(Relaxed) != now {
            self.tick.store(now, Relaxed);
            self.looks.store(0, Relaxed);
        }
        self.looks.load(Relaxed) < LOOKS
    }

    fn set_bound(&self) {
        if !self.is_bound.load(Relaxed) {
            self.is_bound.store(true, Relaxed);
        }
    }

    fn look_alone(&self) {
        let lanes = &self.lanes()[..shard::in_use()];
        if self.generation.load(Relaxed) != generation() {
            self.most.store(0, Relaxed);
            self.is_bound.store(false, Relaxed);
            self.generation.store(generation(), Relaxed);
        }
        for lane in lanes {
            lane.allowed.store(CLOSED, Relaxed);
        }
        let (counts, is_whole) = read_all(lanes);
        let sum = counts.iter().map(|&count| open(count)).sum();
        if !is_whole {
            self.set_bound();
        }
        if is_whole && sum > self.most.load(Relaxed) {
            self.most.store(sum, Relaxed);
        } else {
            // Those that find a new highest are no more than that is.
            self.looks.fetch_add(1, Relaxed);
        }
        let spare = (self.most.load(Relaxed) - sum).max(0);
        let in_use = counts.iter().filter(|&&count| count != 0).count().max(1) as i64;
        let (each, mut rest) = (spare / in_use, spare % in_use);
        for (lane, &count) in lanes.iter().zip(&counts).filter(|&(_, &count)| count != 0) {
            let more = each + i64::from(rest > 0);
            rest -= i64::from(rest > 0);
            lane.allowed.store(open(count) + more, Relaxed);
        }
    }

    /// Starts anew from what runs when a call begins the next time.
    pub fn reset(&self) {
        for lane in self.lanes.load(Acquire).into_iter().flatten() {
            lane.allowed.store(CLOSED, Relaxed);
        }
    }

    /// The most calls that were seen to run at once, and whether there were never more.
    pub fn most(&self) -> (u64, bool) {
        if self.generation.load(Relaxed) != generation() {
            return (0, true);
        }
        (self.most.load(Relaxed).max(0) as u64, !self.is_bound.load(Relaxed))
    }
}

/// The counts of all lanes, and whether all stood like this at one time: a sum of some of before
/// and some of after would be one of calls that never ran together.
fn read_all(lanes: &[Lane]) -> ([u64; SHARDS], bool) {
    let read = || {
        fence(SeqCst);
        let mut counts = [0; SHARDS];
        for (count, lane) in counts.iter_mut().zip(lanes) {
            *count = lane.count.load(Relaxed);
        }
        counts
    };
    let mut counts = read();
    for _ in 0..8 {
        let again = read();
        if again == counts {
            return (counts, true);
        }
        counts = again;
    }
    (counts, false)
}

impl Lane {
    const fn new() -> Lane {
        Lane { count: AtomicU64::new(0), allowed: AtomicI64::new(0), paused: AtomicU64::new(0) }
    }

    #[inline]
    fn add(&self, shard: Shard, change: u64) -> u64 {
        if shard.is_shared() {
            return self.count.fetch_add(change, Relaxed).wrapping_add(change);
        }
        let count = self.count.load(Relaxed).wrapping_add(change);
        self.count.store(count, Relaxed);
        count
    }
}
