//! Who holds the memory: the calls that run, by function, and what finished calls have kept.
//! Nothing here allocates, takes a lock or waits.

use std::cmp::Reverse;
use std::ptr;

use crate::flight::{self, Record};
use crate::segment::{self, Stage};
use crate::site::Site;
use crate::tree::{Kind, Node};

/// Functions that are told apart among the running calls; the rest is summed.
const FUNCTIONS: usize = 64;
/// Functions that are told of what finished calls have kept.
pub(crate) const KEEPERS: usize = 8;

/// The running calls of one function.
#[derive(Clone, Copy)]
pub(crate) struct Group {
    pub site: &'static Site,
    pub calls: u64,
    /// What they hold without nested calls that run as well, bytes.
    pub held: i64,
    /// When the oldest began, by the coarse clock.
    pub oldest: u64,
    /// The one that holds the most.
    pub largest: Option<Largest>,
}

#[derive(Clone, Copy)]
pub(crate) struct Largest {
    id: *const Record,
    /// With nested calls.
    net: i64,
    /// Without nested calls that run as well, bytes.
    pub held: i64,
    pub stage: &'static Stage,
}

/// The running calls, by function.
pub(crate) struct Running {
    groups: [Option<Group>; FUNCTIONS],
    /// Calls of all other functions, and what they hold.
    other_calls: u64,
    other: i64,
}

impl Running {
    /// The calls that run now.
    pub fn look() -> Running {
        let mut running = Running { groups: [None; FUNCTIONS], other_calls: 0, other: 0 };
        for call in flight::running() {
            let largest =
                Largest { id: call.id(), net: call.held, held: call.held, stage: call.stage };
            if let Some(group) = running.group(call.stage.node.site) {
                group.calls += 1;
                group.held = group.held.wrapping_add(call.held);
                group.oldest = group.oldest.min(call.started);
                if group.largest.is_none_or(|largest| call.held > largest.net) {
                    group.largest = Some(largest);
                }
            } else {
                running.other_calls += 1;
                running.other = running.other.wrapping_add(call.held);
            }
            // What is in the caller's figure too counts once.
            if let (Some((_, shared)), Some(caller)) = (call.shared(), call.caller_stage()) {
                match running.group(caller.node.site) {
                    Some(group) => group.held = group.held.wrapping_sub(shared),
                    None => running.other = running.other.wrapping_sub(shared),
                }
            }
        }
        running.take_nested_off();
        running
    }

    /// Takes what nested calls hold off the largest call of each group.
    fn take_nested_off(&mut self) {
        for call in flight::running() {
            let (Some((id, shared)), Some(caller)) = (call.shared(), call.caller_stage()) else {
                continue;
            };
            let group = self.group(caller.node.site);
            if let Some(largest) = group.and_then(|group| group.largest.as_mut()) {
                if ptr::eq(largest.id, id) {
                    largest.held = largest.held.wrapping_sub(shared);
                }
            }
        }
    }

    fn group(&mut self, site: &'static Site) -> Option<&mut Group> {
        let at = self
            .groups
            .iter()
            .position(|group| group.as_ref().is_none_or(|group| ptr::eq(group.site, site)))?;
        let new = Group { site, calls: 0, held: 0, oldest: u64::MAX, largest: None };
        Some(self.groups[at].get_or_insert(new))
    }

    /// The functions, those whose calls hold the most first.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        let mut last = None;
        std::iter::from_fn(move || {
            let running = self.groups.iter().flatten().filter(|group| group.calls > 0);
            let keys = running.enumerate().map(|(at, group)| ((group.held, Reverse(at)), group));
            let left = keys.filter(|(key, _)| last.is_none_or(|last| *key < last));
            let (key, group) = left.max_by_key(|(key, _)| *key)?;
            last = Some(key);
            Some(group)
        })
    }

    /// How many calls of all functions after the first so many run, and what they hold.
    pub fn beyond(&self, functions: usize) -> (u64, i64) {
        let other = (self.other_calls, self.other);
        self.groups().skip(functions).fold(other, |(calls, held), group| {
            (calls + group.calls, held.wrapping_add(group.held))
        })
    }

    /// What all running calls hold, bytes.
    pub fn held(&self) -> i64 {
        let groups = self.groups.iter().flatten().map(|group| group.held);
        groups.fold(self.other, i64::wrapping_add)
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
