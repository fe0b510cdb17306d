//! What finished calls of each owner owned over time, at samples of the timeline.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::runtime::readings::fork;
use crate::runtime::stats::live::BLOCKS;
use crate::runtime::stats::live::owner::{CallRef, Owner};
use crate::runtime::stats::live::sums::Sum;
use crate::runtime::sync::Mutex;

/// Most points: enough for a chart, and for the slopes between any two of them.
const POINTS: usize = 128;
/// Most owners in a point, those that own the most.
const OWNERS: usize = 64;
/// Shortest time between two points, in ns.
const INTERVAL: u64 = 20_000_000;

static HISTORY: Mutex<History> = Mutex::new(History::new());

/// What the owners owned at some time.
#[derive(Clone)]
pub(crate) struct Point {
    /// Age of the process, in µs.
    pub uptime_us: u64,
    /// In ns of the coarse clock.
    pub at: u64,
    owners: Box<[(Owner, Owned)]>,
}

/// What finished calls of an owner owned, and how many calls there were.
#[derive(Clone, Copy, Default)]
pub(crate) struct Owned {
    pub finished: Sum,
    /// The part that was allocated in the latter half of the time since the first point.
    pub young: Sum,
    pub calls: Option<u64>,
}

impl Point {
    /// Returns the owners that owned the most.
    pub fn owners(&self) -> impl Iterator<Item = Owner> {
        self.owners.iter().map(|&(owner, _)| owner)
    }

    /// Returns what `owner` owned then; nothing if it was not among those that own the most.
    pub fn of(&self, owner: Owner) -> Owned {
        let found = self.owners.iter().find(|(other, _)| other.key() == owner.key());
        found.map_or_else(Owned::default, |&(_, owned)| owned)
    }
}

struct History {
    points: Vec<Point>,
    /// Doubles when points are dropped, so that the history always goes back to its start.
    interval: u64,
}

impl History {
    const fn new() -> History {
        History { points: Vec::new(), interval: INTERVAL }
    }

    fn is_due(&self, now: u64) -> bool {
        self.points.last().is_none_or(|last| now.saturating_sub(last.at) >= self.interval)
    }

    fn add(&mut self, point: Point) {
        if self.points.len() >= POINTS {
            let mut stays = false;
            self.points.retain(|_| {
                stays = !stays;
                stays
            });
            self.interval *= 2;
        }
        self.points.push(point);
    }
}

/// Adds a point if one is due. `now` is in ns of the coarse clock.
pub(crate) fn sample(now: u64, uptime_us: u64) {
    // If the lock is taken, the point is left to the other thread.
    let Some(mut history) = HISTORY.try_lock() else { return };
    if history.is_due(now) {
        let first = history.points.first().map_or(now, |first| first.at);
        let owners = look(middle(first, now));
        history.add(Point { uptime_us, at: now, owners });
    }
}

/// Returns the time halfway between two.
pub(crate) fn middle(first: u64, last: u64) -> u64 {
    first + last.saturating_sub(first) / 2
}

/// Sums up what finished calls of the owners own now, and of that what was allocated since `middle`.
fn look(middle: u64) -> Box<[(Owner, Owned)]> {
    let mut sums: HashMap<_, (Owner, Owned)> = HashMap::new();
    BLOCKS.each(|block| {
        if !block.call.is_some_and(CallRef::is_running) {
            let new = || (block.owner, Owned::default());
            let (_, owned) = sums.entry(block.owner.key()).or_insert_with(new);
            owned.finished.add(block);
            if block.born >= middle {
                owned.young.add(block);
            }
        }
    });
    let mut owners: Vec<(Owner, Owned)> = sums.into_values().collect();
    owners.sort_unstable_by_key(|(_, owned)| Reverse(owned.finished.bytes));
    owners.truncate(OWNERS);
    for (owner, owned) in &mut owners {
        owned.calls = calls(*owner);
    }
    owners.into()
}

/// Returns how many calls of an owner have ended.
pub(crate) fn calls(owner: Owner) -> Option<u64> {
    match owner {
        Owner::Call(position) => Some(position.node.outermost().ended()),
        Owner::NotAnnotated | Owner::Memprobe => None,
    }
}

/// Returns all points, the oldest first.
pub(crate) fn points() -> Vec<Point> {
    fork::lock(&HISTORY).map_or_else(Vec::new, |history| history.points.clone())
}

/// Forgets all points.
pub(crate) fn reset() {
    if let Some(mut history) = fork::lock(&HISTORY) {
        *history = History::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_history_is_thinned_out_and_keeps_its_start() {
        let mut history = History::new();
        let mut added = 0;
        for tick in 0..100_000 {
            let at = tick * 1_000_000;
            if history.is_due(at) {
                history.add(Point { uptime_us: tick * 1000, at, owners: Box::new([]) });
                added += 1;
            }
        }
        assert!((POINTS / 2..=POINTS).contains(&history.points.len()));
        assert_eq!(history.points[0].at, 0);
        assert!(added < 6 * POINTS, "{added}: the interval grows with the time");
        let gaps = history.points.windows(2).map(|pair| pair[1].at - pair[0].at);
        assert!(gaps.max() <= Some(2 * history.interval), "evenly");
    }
}
