//! Who owns the live memory, by function and label, from the blocks that jemalloc samples. Nothing
//! here allocates.

use std::cmp::Reverse;
use std::ptr;

use crate::runtime::stats::live::BLOCKS;
use crate::runtime::stats::live::owner::{CallRef, Owner};
use crate::runtime::stats::live::sums::Sum;
use crate::runtime::watch::groups::{self, Groups, descending};

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
}

impl groups::Group for Group {
    /// Whether the owners are the same function and label, in whatever calling contexts.
    fn is_same(&self, other: &Group) -> bool {
        match (self.owner, other.owner) {
            (Owner::Call(one), Owner::Call(other)) => {
                ptr::eq(one.node.site, other.node.site) && one.after == other.after
            }
            (one, other) => one.key() == other.key(),
        }
    }

    fn with(self, more: Group) -> Group {
        Group {
            running: self.running.plus(more.running),
            finished: self.finished.plus(more.finished),
            ..self
        }
    }

    fn bytes(&self) -> i64 {
        self.all().bytes as i64
    }
}

/// The owners of the live memory.
pub(crate) struct Owners(Groups<Group>);

impl Owners {
    /// Sums up the sampled blocks; `None` if there are none, because allocations are not sampled.
    pub fn look() -> Option<Owners> {
        let mut owners = Groups::new();
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
        let is_any = owners.all().next().is_some();
        is_any.then_some(Owners(owners))
    }

    /// Returns the groups with the largest `figure` first, without those that have none.
    pub fn by(&self, figure: fn(&Group) -> Sum) -> impl Iterator<Item = Group> {
        descending(move || {
            let all = self.0.all().enumerate();
            let keys =
                all.map(move |(place, group)| ((figure(group).bytes, Reverse(place)), *group));
            keys.filter(|((bytes, _), _)| *bytes > 0)
        })
    }

    /// Returns what code outside any call owns.
    pub fn not_annotated(&self) -> Sum {
        let mut outside = self.0.all().filter(|group| matches!(group.owner, Owner::NotAnnotated));
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
        let mut owners = Owners(Groups::new());
        let mut add = |owner, running, finished| {
            owners.0.add(Group { owner, running: sum(running), finished: sum(finished) });
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
