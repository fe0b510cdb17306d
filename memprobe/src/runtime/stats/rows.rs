//! Rows of a report that are found by a key while it is made.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::Hash;

use crate::report::Figures;
use crate::runtime::readings::jemalloc;

/// Returns the item of `key`, appended to `list` if there is none: the list has the order in which
/// the keys were first met.
pub(crate) fn at<'a, K: Eq + Hash, T>(
    places: &mut HashMap<K, usize>,
    key: K,
    list: &'a mut Vec<T>,
    make: impl FnOnce() -> T,
) -> &'a mut T {
    let place = *places.entry(key).or_insert_with(|| {
        list.push(make());
        list.len() - 1
    });
    &mut list[place]
}

/// The key of a segment's row: the function's address or the node's index, whether it is carried
/// work, and the labels at its ends.
pub(crate) type Row = (usize, bool, &'static str, &'static str);

pub(crate) fn highest(figures: Option<Figures>) -> Reverse<Option<u64>> {
    Reverse(figures.map(|figures| figures.high_water))
}

pub(crate) fn figures() -> Option<Figures> {
    jemalloc::is_global().then(Figures::default)
}
