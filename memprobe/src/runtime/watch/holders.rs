//! Which running calls hold the memory, summed up by function. Nothing here allocates.

use std::cmp::Reverse;
use std::ptr;

use crate::runtime::calls::snapshot;
use crate::runtime::stats::site::Site;
use crate::runtime::watch::kept::Held;

/// Groups of running calls that are counted separately; further ones are summed in `others`.
const PLACES: usize = 64;

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

impl Group {
    fn with(self, more: Group) -> Group {
        Group {
            calls: self.calls + more.calls,
            held: self.held.wrapping_add(more.held),
            largest: self.largest.max(more.largest),
            oldest: self.oldest.min(more.oldest),
            ..self
        }
    }
}

/// The running calls, by function and label.
pub(crate) struct Running {
    places: [Option<Group>; PLACES],
    /// How many calls are in no group, and what they hold.
    others: (u64, i64),
}

impl Running {
    /// Sums up the calls that run now.
    pub fn look() -> Running {
        let mut running = Running { places: [None; PLACES], others: (0, 0) };
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
        let is_there = |place: &Option<Group>| {
            place.is_none_or(|group| ptr::eq(group.site, call.site) && group.after == call.after)
        };
        if let Some(place) = self.places.iter_mut().find(|place| is_there(place)) {
            *place = Some(place.map_or(call, |group| group.with(call)));
            return;
        }
        // The table is full: the group that holds the least makes room.
        let mut other = call;
        if let Some(least) = self.places.iter_mut().flatten().min_by_key(|group| group.held) {
            if least.held < other.held {
                std::mem::swap(least, &mut other);
            }
        }
        self.others = (self.others.0 + other.calls, self.others.1.wrapping_add(other.held));
    }

    /// Returns all calls of the function at `place`, with the label after which they hold the
    /// most; `None` if an earlier place has the same function.
    fn function(&self, place: usize) -> Option<Group> {
        let site = self.places[place]?.site;
        let same = |group: &&Group| ptr::eq(group.site, site);
        if self.places[..place].iter().flatten().any(|group| same(&group)) {
            return None;
        }
        let places = || self.places[place..].iter().flatten().filter(same).copied();
        let after = places().max_by_key(|group| group.held)?.after;
        Some(Group { after, ..places().reduce(Group::with)? })
    }

    /// Returns the functions whose calls hold the most first. Those with more than `live` bytes
    /// come last: what their calls allocated was freed elsewhere.
    pub fn functions(&self, live: i64) -> impl Iterator<Item = Group> {
        let mut last = None;
        std::iter::from_fn(move || {
            let all = (0..PLACES).filter_map(|place| Some((place, self.function(place)?)));
            let key = |group: &Group, place| (group.held <= live, group.held, Reverse(place));
            let keys = all.map(|(place, group)| (key(&group, place), group));
            let left = keys.filter(|(key, _)| last.is_none_or(|last| *key < last));
            let (key, group) = left.max_by_key(|(key, _)| *key)?;
            last = Some(key);
            Some(group)
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
        let functions = (0..PLACES).filter_map(|place| Some(self.function(place)?.held));
        let all = functions.chain([self.others.1]);
        all.fold(Held { bytes: 0, is_all: true }, |sum, held| {
            let fits = held <= live;
            let bytes = if fits { sum.bytes.saturating_add(held) } else { sum.bytes };
            Held { bytes, is_all: sum.is_all && fits }
        })
    }
}
