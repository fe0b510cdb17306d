//! Counts how many calls of one function ran at once, exactly, although every thread counts by
//! itself.
//!
//! 1. Each shard has a lane, in which its threads count the calls that have begun and not ended. A
//!    call may end in another lane than it began in, so a lane may be negative; the sum over all
//!    lanes is the number of calls that run.
//! 2. Each lane has an allowance. The allowances add up to the highest sum seen, so while each lane
//!    stays within its own there is no new highest, and no thread reads the other lanes.
//! 3. A lane that exceeds its allowance looks: it closes all lanes, reads them until two readings
//!    in a row are equal, keeps the sum if it is the highest, and hands out new allowances. While one
//!    thread does so, others that would look read the lanes too, and keep the sum.
//!
//! A reset closes the lanes of all functions, whether or not a call of them has ended.
//!
//! A function with many short calls on many threads would look all the time, so looks that find no
//! new highest are limited in each tick of the clock. Where the limit is reached, the highest is
//! reported as a lower bound. Calls that overlap for less than a microsecond may be missed.

use crate::runtime::readings::shard::{self, SHARDS, Shard};
use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::stats::generation::generation;
use crate::runtime::sync::append_list::AppendList;
use crate::runtime::sync::atomic::{
    AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed,
    Ordering::Release, Ordering::SeqCst, fence,
};
use crate::runtime::sync::static_ref::StaticRef;

/// The calls that run, and the highest number that ran at once.
pub(crate) struct Concurrency {
    lanes: StaticRef<[Lane; SHARDS]>,
    /// The highest number of calls that were seen to run at once, after the generation that it is of,
    /// which is its upper half. One word, so that a number of before a reset cannot be kept after it.
    highest: AtomicU64,
    /// The last generation in which more calls than the highest may have run at once.
    bound_in: AtomicU32,
    is_looking: AtomicBool,
    /// A look was asked for and has not begun.
    again: AtomicBool,
    /// The last tick with a look, and how many looks in it found no new highest.
    tick: AtomicU64,
    looks: AtomicU32,
}

/// The calls that the threads of one shard have begun and ended.
#[repr(align(64))]
struct Lane {
    /// Calls that began here, times 2³², plus calls that began here less those that ended here. One
    /// word, so that two readings are equal only if no call began or ended in between.
    count: AtomicU64,
    /// Calls that may run here without a look at the other lanes.
    allowed: AtomicI64,
    /// The last tick in which no further look was allowed.
    paused: AtomicU64,
}

/// The lanes of all functions of which a call has begun.
static ALL: AppendList<&'static [Lane; SHARDS]> = AppendList::new();

/// What a call adds to its lane's count when it begins and when it ends.
const BEGUN: u64 = (1 << 32) + 1;
const ENDED: u64 = 1_u64.wrapping_neg();
/// An allowance with which each call that begins looks.
const CLOSED: i64 = i64::MIN;
/// Maximum number of looks in a tick (1 to 10 ms) that find no new highest; one takes some 0.2 µs.
const LOOKS: u32 = 64;

fn open(count: u64) -> i64 {
    i64::from(count as u32 as i32)
}

impl Concurrency {
    pub const fn new() -> Concurrency {
        Concurrency {
            lanes: StaticRef::none(),
            highest: AtomicU64::new(0),
            bound_in: AtomicU32::new(0),
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
        match self.lanes.try_init(Box::new([const { Lane::new() }; SHARDS])) {
            Ok(lanes) => {
                ALL.push(lanes);
                // Other threads may have looked before, and a reset has not seen these lanes then.
                close(lanes);
                lanes
            }
            Err((lanes, _)) => lanes,
        }
    }

    /// Counts a call that begins, at `now` by the coarse clock.
    #[inline]
    pub fn enter(&self, shard: Shard, now: u64) {
        let lane = shard.of(self.lanes());
        let open = open(lane.add(shard, BEGUN));
        if open > lane.allowed.load(Relaxed) && lane.paused.load(Relaxed) != now {
            self.look(lane, now);
        }
    }

    /// Counts a call that ends.
    #[inline]
    pub fn leave(&self, shard: Shard) {
        shard.of(self.lanes()).add(shard, ENDED);
    }

    #[cold]
    #[inline(never)]
    fn look(&self, lane: &Lane, now: u64) {
        let of = generation();
        if !self.may_look(now) {
            lane.paused.store(now, Relaxed);
            self.set_bound(of);
            return;
        }
        self.again.store(true, SeqCst);
        for _ in 0..4 {
            if self.is_looking.swap(true, SeqCst) {
                // The thread that looks checks `again` when it is done. The kernel may have taken it
                // off its core, and what runs now may have ended by then.
                self.raise(of, &read_all(self.lanes_in_use()));
                return;
            }
            self.again.store(false, SeqCst);
            self.look_alone();
            self.is_looking.store(false, SeqCst);
            if !self.again.load(SeqCst) {
                return;
            }
        }
        self.set_bound(of);
    }

    /// Whether one more look is allowed in this tick.
    fn may_look(&self, now: u64) -> bool {
        if self.tick.load(Relaxed) != now {
            self.tick.store(now, Relaxed);
            self.looks.store(0, Relaxed);
        }
        self.looks.load(Relaxed) < LOOKS
    }

    fn set_bound(&self, of: u32) {
        // A thread that was taken off its core may come with a generation of before a reset.
        if self.bound_in.load(Relaxed) < of {
            self.bound_in.fetch_max(of, Relaxed);
        }
    }

    fn lanes_in_use(&self) -> &'static [Lane] {
        &self.lanes()[..shard::in_use()]
    }

    /// Keeps the number of calls in a reading if it is the highest of its generation. Returns it, and
    /// the highest.
    fn raise(&self, of: u32, (counts, is_whole): &([u64; SHARDS], bool)) -> (i64, Highest) {
        let sum: i64 = counts.iter().map(|&count| open(count)).sum();
        if !is_whole {
            self.set_bound(of);
        }
        let calls = if *is_whole { sum.clamp(0, u32::MAX.into()) as u32 } else { 0 };
        let seen = Highest { of, calls };
        // Of an older generation it is less.
        let before = Highest::from(self.highest.fetch_max(seen.into(), Release));
        (sum, before.max(seen))
    }

    fn look_alone(&self) {
        let of = generation();
        let before = Highest::from(self.highest.load(Relaxed));
        let lanes = self.lanes_in_use();
        for lane in lanes {
            lane.allowed.store(CLOSED, Relaxed);
        }
        let reading = read_all(lanes);
        let (sum, highest) = self.raise(of, &reading);
        if highest <= before {
            // Looks that find a new highest need no limit: there are at most as many as calls.
            self.looks.fetch_add(1, Relaxed);
        }
        let counts = reading.0;
        let spare = (i64::from(highest.calls) - sum).max(0);
        let in_use = counts.iter().filter(|&&count| count != 0).count().max(1) as i64;
        let (each, mut rest) = (spare / in_use, spare % in_use);
        for (lane, &count) in lanes.iter().zip(&counts).filter(|&(_, &count)| count != 0) {
            let more = each + i64::from(rest > 0);
            rest -= i64::from(rest > 0);
            lane.allowed.store(open(count) + more, Relaxed);
        }
        // Either this sees that a reset has begun, or the reset closes the lanes after this.
        fence(SeqCst);
        if generation() != of {
            self.again.store(true, SeqCst);
        }
    }

    /// Returns the highest number of calls that were seen to run at once, and whether it is exact.
    pub fn most(&self) -> (u64, bool) {
        let highest = Highest::from(self.highest.load(Acquire));
        let now = generation();
        let calls = if highest.of == now { highest.calls } else { 0 };
        (calls.into(), self.bound_in.load(Relaxed) != now)
    }
}

/// Starts all functions anew, each when its next call begins, with the calls that run then.
pub(crate) fn reset() {
    ALL.iter().for_each(|lanes| close(lanes));
}

/// Has the next call in each lane look.
fn close(lanes: &[Lane; SHARDS]) {
    fence(SeqCst);
    for lane in lanes {
        lane.allowed.store(CLOSED, Relaxed);
    }
}

/// The highest number of calls at once, and the generation that it is of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Highest {
    of: u32,
    calls: u32,
}

impl From<u64> for Highest {
    fn from(word: u64) -> Highest {
        Highest { of: (word >> 32) as u32, calls: word as u32 }
    }
}

impl From<Highest> for u64 {
    fn from(Highest { of, calls }: Highest) -> u64 {
        u64::from(of) << 32 | u64::from(calls)
    }
}

/// Reads the counts of all lanes, and returns whether they were all valid at one time. A sum of
/// older and newer counts would be of calls that never ran together.
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

#[cfg(all(test, memprobe_loom))]
mod models;
