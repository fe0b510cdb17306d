//! The single calls that are kept: so many, of the heaviest.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};

use crate::model::calls::CallRow;

/// By what calls are compared; the highest comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Order {
    /// The highest net of a call above its start.
    #[default]
    Peak,
    /// What it allocated in all.
    Allocated,
    /// What it kept.
    Kept,
    /// How long it took.
    Duration,
    /// When it ended, the last first.
    Time,
}

impl Order {
    fn of(self, call: &CallRow) -> i128 {
        match self {
            Order::Peak => call.peak.into(),
            Order::Allocated => call.allocated.into(),
            Order::Kept => call.net.into(),
            Order::Duration => call.duration_us.unwrap_or(0).into(),
            Order::Time => call.at.map_or(i128::from(call.uptime_us), i128::from),
        }
    }
}

/// Heaps of calls with the lightest on top.
#[derive(Debug)]
pub struct Heaviest {
    order: Order,
    /// Calls with a lower peak are passed over, in bytes.
    pub above: u64,
    room: usize,
    /// Only calls of no other call.
    roots: bool,
    /// So many of each process, and not of all together.
    of_each: bool,
    /// By process, or one for all.
    heaps: BTreeMap<usize, BinaryHeap<Reverse<Ranked>>>,
    /// Calls that were above the bound and had no room.
    pub left_out: u64,
}

#[derive(Debug)]
struct Ranked(i128, CallRow);

impl PartialEq for Ranked {
    fn eq(&self, other: &Ranked) -> bool {
        self.0 == other.0
    }
}

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Ranked) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Ranked) -> Ordering {
        self.0.cmp(&other.0)
    }
}

impl Heaviest {
    /// Keeps `room` calls with a peak of at least `above` bytes; with `roots` none that another one
    /// made.
    pub fn new(order: Order, above: u64, room: usize, roots: bool) -> Heaviest {
        let heaps = BTreeMap::new();
        Heaviest { order, above, room, roots, of_each: false, heaps, left_out: 0 }
    }

    /// Keeps so many calls of each process.
    #[must_use]
    pub fn of_each_process(self) -> Heaviest {
        Heaviest { of_each: true, ..self }
    }

    pub(super) fn add(&mut self, call: CallRow) {
        if call.peak < self.above || self.roots && !call.is_root || self.room == 0 {
            return;
        }
        let rank = self.order.of(&call);
        let heap = self.heaps.entry(if self.of_each { call.process } else { 0 }).or_default();
        if heap.len() < self.room {
            return heap.push(Reverse(Ranked(rank, call)));
        }
        self.left_out += 1;
        if heap.peek().is_some_and(|Reverse(lightest)| lightest.0 < rank) {
            heap.pop();
            heap.push(Reverse(Ranked(rank, call)));
        }
    }

    /// Returns the calls that are kept, the heaviest first.
    pub fn calls(&self) -> Vec<&CallRow> {
        let all = self.heaps.values().flatten();
        let mut calls: Vec<&Ranked> = all.map(|Reverse(ranked)| ranked).collect();
        calls.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.place.line.cmp(&b.1.place.line)));
        calls.into_iter().map(|Ranked(_, call)| call).collect()
    }
}
