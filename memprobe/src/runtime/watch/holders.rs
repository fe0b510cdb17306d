//! Which running calls hold the memory, summed up by function. Nothing here allocates.

use std::cmp::Reverse;
use std::ptr;

use crate::runtime::calls::snapshot;
use crate::runtime::stats::site::Site;
use crate::runtime::watch::groups::{self, Groups, descending};
use crate::runtime::watch::kept::Held;

/// The running calls of one function after one label, or of one function after any label.
#[derive(Clone, Copy)]
pub(crate) struct Group {
    pub site: &'static Site,
    pub after: &'static str,
    pub calls: u64,
    /// What they hold without running nested calls, in bytes.
    pub held: i64,
    /// What the call holds that holds the most, in bytes.
    pub largest: i64,
    /// When the oldest began, in ns by the coarse clock.
    pub oldest: u64,
}

impl groups::Group for Group {
    fn is_same(&self, other: &Group) -> bool {
        ptr::eq(self.site, other.site) && self.after == other.after
    }

    fn with(self, more: Group) -> Group {
        Group {
            calls: self.calls + more.calls,
            held: self.held.wrapping_add(more.held),
            largest: self.largest.max(more.largest),
            oldest: self.oldest.min(more.oldest),
            ..self
        }
    }

    fn bytes(&self) -> i64 {
        self.held
    }
}

/// The running calls, by function and label.
pub(crate) struct Running {
    groups: Groups<Group>,
    /// How many calls are in no group, and what they hold.
    others: (u64, i64),
}

impl Running {
    /// Sums up the calls that run now.
    pub fn look() -> Running {
        let mut running = Running { groups: Groups::new(), others: (0, 0) };
        snapshot::each_running(|call| {
            let (site, after) = (call.position.node.site, call.position.after);
            // A call that freed more than it allocated, like one that consumes its argument,
            // must not lower what the other calls hold.
            let (oldest, held) = (call.started, call.own.max(0));
            running.add(Group { site, after, calls: 1, held, largest: held, oldest });
        });
        running
    }

    fn add(&mut self, call: Group) {
        if let Some(other) = self.groups.add(call) {
            let (calls, held) = self.others;
            self.others = (calls + other.calls, held.wrapping_add(other.held));
        }
    }

    /// Returns for each function all its calls, with the label after which they hold the most.
    fn by_function(&self) -> impl Iterator<Item = Group> {
        let groups = || self.groups.all();
        groups().enumerate().filter_map(move |(place, first)| {
            let same = |group: &&Group| ptr::eq(group.site, first.site);
            if groups().take(place).any(|group| same(&group)) {
                return None;
            }
            let all = || groups().skip(place).filter(same).copied();
            let after = all().max_by_key(|group| group.held)?.after;
            Some(Group { after, ..all().reduce(groups::Group::with)? })
        })
    }

    /// Returns the functions whose calls hold the most first. Those with more than `live` bytes
    /// come last: what their calls allocated was freed elsewhere.
    pub fn functions(&self, live: i64) -> impl Iterator<Item = Group> {
        descending(move || {
            let all = self.by_function().enumerate();
            all.map(move |(place, group)| ((group.held <= live, group.held, Reverse(place)), group))
        })
    }

    /// Returns how many calls run beyond those of the first `functions` functions, and what they
    /// hold.
    pub fn beyond(&self, functions: usize, live: i64) -> (u64, i64) {
        self.functions(live).skip(functions).fold(self.others, |(calls, held), group| {
            (calls + group.calls, held.wrapping_add(group.held))
        })
    }

    /// Returns what running calls hold together, without functions that have more than `live`.
    pub fn held(&self, live: i64) -> Held {
        let all = self.by_function().map(|group| group.held).chain([self.others.1]);
        all.fold(Held { bytes: 0, is_all: true }, |sum, held| {
            let fits = held <= live;
            let bytes = if fits { sum.bytes.saturating_add(held) } else { sum.bytes };
            Held { bytes, is_all: sum.is_all && fits }
        })
    }
}
