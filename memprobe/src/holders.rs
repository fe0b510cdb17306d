//! Who holds the memory: the calls that run, by function, and what finished calls have kept.
//! Nothing here allocates.

use std::cmp::Reverse;
use std::ptr;

use crate::site::Site;
use crate::tree::{Kind, Node};
use crate::{flight, segment};

/// Places in functions that are told apart among the running calls; the rest is summed.
const PLACES: usize = 64;
/// Functions that are told of what finished calls have kept.
pub(crate) const KEEPERS: usize = 8;

/// The running calls of one function, or those of them that are after one label.
#[derive(Clone, Copy)]
pub(crate) struct Group {
    pub site: &'static Site,
    pub after: &'static str,
    pub calls: u64,
    /// What they hold without nested calls that run as well, bytes.
    pub held: i64,
    /// What the one holds that holds the most.
    pub largest: i64,
    /// When the oldest began, by the coarse clock.
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

/// The running calls, by where they are.
pub(crate) struct Running {
    places: [Option<Group>; PLACES],
    /// Calls elsewhere, and what they hold.
    others: (u64, i64),
}

impl Running {
    /// The calls that run now.
    pub fn look() -> Running {
        let mut running = Running { places: [None; PLACES], others: (0, 0) };
        flight::each_running(|call| {
            let (site, after) = (call.stage.node.site, call.stage.after);
            let (oldest, held) = (call.started, call.own);
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
        // The table is full: the one that holds the least makes room.
        let mut other = call;
        if let Some(least) = self.places.iter_mut().flatten().min_by_key(|group| group.held) {
            if least.held < other.held {
                std::mem::swap(least, &mut other);
            }
        }
        self.others = (self.others.0 + other.calls, self.others.1.wrapping_add(other.held));
    }

    /// All calls of the function at `place`, by the label after which they hold the most;
    /// `None` if it was told before.
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

    /// The functions, those whose calls hold the most first.
    pub fn functions(&self) -> impl Iterator<Item = Group> {
        let mut last = None;
        std::iter::from_fn(move || {
            let all = (0..PLACES).filter_map(|place| Some((place, self.function(place)?)));
            let keys = all.map(|(place, group)| ((group.held, Reverse(place)), group));
            let left = keys.filter(|(key, _)| last.is_none_or(|last| *key < last));
            let (key, group) = left.max_by_key(|(key, _)| *key)?;
            last = Some(key);
            Some(group)
        })
    }

    /// How many calls of all functions after the first so many run, and what they hold.
    pub fn beyond(&self, functions: usize) -> (u64, i64) {
        self.functions().skip(functions).fold(self.others, |(calls, held), group| {
            (calls + group.calls, held.wrapping_add(group.held))
        })
    }

    /// What all running calls hold, bytes.
    pub fn held(&self) -> i64 {
        let places = self.places.iter().flatten().map(|group| group.held);
        places.fold(self.others.1, i64::wrapping_add)
    }
}

/// The few that kept the most.
pub(crate) struct Top<T>([Option<(i64, T)>; KEEPERS]);

impl<T: Copy> Top<T> {
    const fn new() -> Top<T> {
        Top([None; KEEPERS])
    }

    fn add(&mut self, bytes: i64, what: T) {
        let mut new = Some((bytes, what));
        if bytes <= 0 {
            return;
        }
        for place in &mut self.0 {
            if place.is_none_or(|(there, _)| new.is_some_and(|(bytes, _)| bytes > there)) {
                std::mem::swap(place, &mut new);
            }
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (i64, T)> {
        self.0.iter().flatten().copied()
    }
}

/// What finished calls have kept.
pub(crate) struct Kept {
    /// All of it, bytes.
    pub all: i64,
    /// By function: calls that no annotated one called, with nested ones.
    pub by_function: Top<&'static Node>,
}

impl Kept {
    pub fn look() -> Kept {
        let mut kept = Kept { all: 0, by_function: Top::new() };
        for node in nodes_with_ended_calls() {
            if node.caller.is_none() && matches!(node.kind, Kind::Ordinary) {
                let bytes = node.kept();
                kept.all = kept.all.wrapping_add(bytes);
                kept.by_function.add(bytes, node);
            }
        }
        kept
    }
}

/// Every node that any call has finished, once.
fn nodes_with_ended_calls() -> impl Iterator<Item = &'static Node> {
    segment::all().filter(|segment| segment.is_first_call()).map(|segment| segment.from.node)
}

/// The innermost of the nested functions that account for most of the bytes that calls of
/// `node` have kept. What returns its memory to a caller that frees it would account for more
/// than all, and is none.
pub(crate) fn most_in(mut node: &'static Node, bytes: i64) -> Option<&'static Node> {
    let mut innermost = None;
    let explains = |kept: i64| kept > bytes / 2 && kept <= bytes.saturating_add(bytes / 4);
    while let Some(nested) = nodes_with_ended_calls()
        .filter(|nested| nested.caller.is_some_and(|caller| ptr::eq(caller, node)))
        .find(|nested| matches!(nested.kind, Kind::Ordinary) && explains(nested.kept()))
    {
        innermost = Some(nested);
        node = nested;
    }
    innermost
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_few_that_kept_the_most_stay() {
        let mut top = Top::new();
        for bytes in [3, -1, 7, 0, 100, 5, 6, 1, 2, 4, 50, 8] {
            top.add(bytes, bytes);
        }
        let kept: Vec<i64> = top.iter().map(|(bytes, _)| bytes).collect();
        assert_eq!(kept, [100, 50, 8, 7, 6, 5, 4, 3]);
    }
}
