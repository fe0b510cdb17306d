//! Groups of things that are summed up while they are counted, in a table of fixed size. Nothing here
//! allocates.

use std::iter;

/// Groups that are counted separately.
const PLACES: usize = 64;

/// The sum of some things of one kind.
pub(crate) trait Group: Copy {
    /// Whether two groups are of the same kind.
    fn is_same(&self, other: &Self) -> bool;
    /// Returns the sum of two groups of the same kind.
    fn with(self, more: Self) -> Self;
    /// What decides which group makes room when the table is full, in bytes.
    fn bytes(&self) -> i64;
}

/// The groups met so far; the largest if there are more than the table has room for.
pub(crate) struct Groups<G>([Option<G>; PLACES]);

impl<G: Group> Groups<G> {
    pub const fn new() -> Groups<G> {
        Groups([None; PLACES])
    }

    /// Adds to the group of the same kind. Returns a group that has no room: the smallest of all.
    pub fn add(&mut self, more: G) -> Option<G> {
        let is_there =
            |place: &&mut Option<G>| place.as_ref().is_none_or(|group| group.is_same(&more));
        if let Some(place) = self.0.iter_mut().find(is_there) {
            *place = Some(place.map_or(more, |group| group.with(more)));
            return None;
        }
        let mut other = more;
        if let Some(least) = self.0.iter_mut().flatten().min_by_key(|group| group.bytes()) {
            if least.bytes() < other.bytes() {
                std::mem::swap(least, &mut other);
            }
        }
        Some(other)
    }

    /// Returns the groups in the order in which they were met.
    pub fn all(&self) -> impl Iterator<Item = &G> {
        self.0.iter().flatten()
    }
}

/// Returns the items of `all` in descending order of their keys, no two of which may be equal.
pub(crate) fn descending<K: Ord + Copy, T, I: Iterator<Item = (K, T)>>(
    all: impl Fn() -> I,
) -> impl Iterator<Item = T> {
    let mut last = None;
    iter::from_fn(move || {
        let left = all().filter(|(key, _)| last.is_none_or(|last| *key < last));
        let (key, item) = left.max_by_key(|(key, _)| *key)?;
        last = Some(key);
        Some(item)
    })
}
