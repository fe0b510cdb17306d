//! Rows that are found by a key while a report is built.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::Hash;

use crate::report::Figures;

pub(super) fn highest(figures: Option<Figures>) -> Reverse<Option<u64>> {
    Reverse(figures.map(|figures| figures.high_water))
}

/// Values by key, in the order in which the keys were first met.
#[derive(Clone, Debug)]
pub(super) struct Rows<K, V> {
    places: HashMap<K, usize>,
    list: Vec<(K, V)>,
}

impl<K, V> Default for Rows<K, V> {
    fn default() -> Self {
        Rows { places: HashMap::new(), list: Vec::new() }
    }
}

impl<K: Copy + Eq + Hash, V: Default> Rows<K, V> {
    /// Returns the value of a key, a default one if there is none yet.
    pub fn at(&mut self, key: K) -> &mut V {
        let place = *self.places.entry(key).or_insert_with(|| {
            self.list.push((key, V::default()));
            self.list.len() - 1
        });
        &mut self.list[place].1
    }

    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.list.iter().map(|(key, value)| (key, value))
    }

    /// Returns the value of a key, or a default one.
    pub fn get(&self, key: &K) -> V
    where
        V: Clone,
    {
        self.places.get(key).map_or_else(V::default, |&place| self.list[place].1.clone())
    }

    /// Returns the place of a key in the order of [`iter`](Rows::iter).
    pub fn place(&self, key: &K) -> Option<usize> {
        self.places.get(key).copied()
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }
}
