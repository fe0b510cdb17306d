//! Who owns the live memory, by function and label, from the blocks that jemalloc samples. Nothing
//! here allocates.

use std::cmp::Reverse;
use std::ptr;

use crate::runtime::stats::live::BLOCKS;
use crate::runtime::stats::live::owner::{CallRef, Owner};
use crate::runtime::stats::live::sums::Sum;

/// Owners that are counted separately; further ones are summed in `others`.
const PLACES: usize = 64;

/// What the calls of a function own that was allocated after one label.
#[derive(Clone, Copy)]
pub(crate) struct Group {
    pub owner: Owner,
    pub running: Sum,
    pub finished: Sum,
}

impl Group {
    pub fn all(&self) -> Sum {
        self.running.plus(self.finished)
    }

    /// Whether two owners are the same function and label, in whatever calling contexts.
    fn is_of(&self, owner: Owner) -> bool {
        match (self.owner, owner) {
            (Owner::Call(one), Owner::Call(other)) => {
                ptr::eq(one.node.site, other.node.site) && one.after == other.after
            }
            (one, other) => one.key() == other.key(),
        }
    }
}

/// The owners of the live memory.
pub(crate) struct Owners {
    places: [Option<Group>; PLACES],
    others: Sum,
}

impl Owners {
    /// Sums up the sampled blocks; `None` if there are none, because allocations are not sampled.
    pub fn look() -> Option<Owners> {
        let mut owners = Owners { places: [None; PLACES], others: Sum::default() };
        BLOCKS.each(|block| {
            let mut sum = Sum::default();
            sum.add(block);
            let (running, finished) = if block.call.is_some_and(CallRef::is_running) {
                (sum, Sum::default())
            } else {
                (Sum::default(), sum)
            };
            owners.add(Group { owner: block.owner, running, finished });
        });
        owners.places[0].is_some().then_some(owners)
    }

    fn add(&mut self, more: Group) {
        let is_there =
            |place: &&mut Option<Group>| place.is_none_or(|group| group.is_of(more.owner));
        if let Some(place) = self.places.iter_mut().find(is_there) {
            *place = Some(place.map_or(more, |group| Group {
                running: group.running.plus(more.running),
                finished: group.finished.plus(more.finished),
                ..group
            }));
            return;
        }
        // The table is full: the group that owns the least makes room.
        let mut other = more;
        if let Some(least) = self.places.iter_mut().flatten().min_by_key(|group| group.all().bytes)
        {
            if least.all().bytes < other.all().bytes {
                std::mem::swap(least, &mut other);
            }
        }
        self.others = self.others.plus(other.all());
    }

    /// Returns the groups with the largest `figure` first, without those that have none.
    pub fn by(&self, figure: fn(&Group) -> Sum) -> impl Iterator<Item = Group> {
        let mut last = None;
        std::iter::from_fn(move || {
            let all = self.places.iter().enumerate();
            let all = all.filter_map(|(place, group)| Some((place, group.as_ref()?)));
            let keys = all.map(|(place, group)| ((figure(group).bytes, Reverse(place)), group));
            let left = keys.filter(|(key, _)| last.is_none_or(|last| *key < last));
            let (key, group) = left.filter(|(key, _)| key.0 > 0).max_by_key(|(key, _)| *key)?;
            last = Some(key);
            Some(*group)
        })
    }

    /// Returns what code outside any call owns.
    pub fn not_annotated(&self) -> Sum {
        let all = self.places.iter().flatten();
        let mut outside = all.filter(|group| matches!(group.owner, Owner::NotAnnotated));
        outside.next().map_or(Sum::default(), Group::all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::stats::call_tree;

    #[memprobe::memprobe(name = "owns")]
    fn owns() {
        memprobe::probe!("first");
        memprobe::probe!("second");
    }

    fn sum(bytes: u64) -> Sum {
        Sum { bytes, variance: 1.0, samples: 1 }
    }

    #[test]
    fn the_largest_comes_first_and_a_function_is_one_owner_for_each_label() {
        owns();
        let of = |after: &str| {
            let all = call_tree::all().map(|segment| segment.from);
            let mut found = all.filter(|from| from.node.site.name() == "owns");
            Owner::Call(found.find(|from| from.after == after).expect("it has ended"))
        };
        let mut owners = Owners { places: [None; PLACES], others: Sum::default() };
        let mut add = |owner, running, finished| {
            owners.add(Group { owner, running: sum(running), finished: sum(finished) });
        };
        add(Owner::NotAnnotated, 0, 10);
        add(of("first"), 0, 7);
        add(of("second"), 20, 0);
        add(of("first"), 1, 7);
        let label = |group: Group| match group.owner {
            Owner::Call(position) => position.after,
            _ => "",
        };
        let all: Vec<_> =
            owners.by(Group::all).map(|group| (label(group), group.all().bytes)).collect();
        assert_eq!(all, [("second", 20), ("first", 15), ("", 10)]);
        let finished = owners.by(|group| group.finished);
        let finished: Vec<_> = finished.map(|group| (label(group), group.finished.bytes)).collect();
        assert_eq!(finished, [("first", 14), ("", 10)]);
        assert_eq!(owners.not_annotated().bytes, 10);
    }
}
