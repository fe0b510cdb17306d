//! A map that only grows. Its values are never freed, and any thread reads them without a lock.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::runtime::sync::atomic::Ordering::Acquire;
use crate::runtime::sync::static_ref::StaticRef;

/// A trie of hashes: an entry lies below entries whose hashes begin with the same bits.
pub(crate) struct Map<T: 'static>(StaticRef<Entry<T>>);

struct Entry<T: 'static> {
    value: T,
    below: [Map<T>; BELOW],
}

/// Branches below an entry.
const BELOW: usize = 4;
/// Bits of a hash that choose one of the branches.
const BITS: u32 = BELOW.ilog2();

impl<T: Send + Sync> Map<T> {
    pub const fn new() -> Map<T> {
        Map(StaticRef::none())
    }

    /// Returns the value with this hash for which `is` holds.
    #[inline]
    pub fn get(&self, mut hash: u64, is: impl Fn(&T) -> bool) -> Option<&'static T> {
        let mut entry = self.0.load(Acquire)?;
        while !is(&entry.value) {
            entry = entry.next(&mut hash).0.load(Acquire)?;
        }
        Some(&entry.value)
    }

    /// Returns the value with this hash for which `is` holds, and inserts `make()` if there is
    /// none. Allocates. If another thread inserts first, the value that was made is dropped.
    pub fn get_or_init(
        &self,
        mut hash: u64,
        is: impl Fn(&T) -> bool,
        make: impl Fn() -> T,
    ) -> &'static T {
        let new = || Entry { value: make(), below: [const { Map::new() }; BELOW] };
        let mut entry = self.0.get_or_init(new);
        while !is(&entry.value) {
            entry = entry.next(&mut hash).0.get_or_init(new);
        }
        &entry.value
    }
}

impl<T> Entry<T> {
    /// Returns the branch that the first bits of `hash` choose, and moves on to the next bits.
    #[inline]
    fn next(&self, hash: &mut u64) -> &Map<T> {
        *hash = hash.rotate_left(BITS);
        &self.below[*hash as usize % BELOW]
    }
}

/// Returns the hash of a key, for callers to whom a few ns do not matter.
pub(crate) fn hash(key: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

#[cfg(all(test, memprobe_loom))]
mod models;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::ptr;

    use super::*;

    #[test]
    fn each_key_has_one_value_that_all_threads_see() {
        static MAP: Map<u64> = Map::new();
        let find = |key: u64, hash| MAP.get_or_init(hash, |other| *other == key, || key);
        let all = |hash: fn(u64) -> u64| {
            let of_one = || (0..1000).map(|key| ptr::from_ref(find(key, hash(key))) as usize);
            std::thread::scope(|scope| {
                let threads: Vec<_> =
                    (0..8).map(|_| scope.spawn(|| of_one().collect::<Vec<_>>())).collect();
                let threads = threads.into_iter().map(|thread| thread.join().expect("no panic"));
                threads.collect::<HashSet<_>>()
            })
        };
        for hash in [|key: u64| hash(key), |key| key % 7] {
            let found = all(hash);
            assert_eq!(found.len(), 1, "all threads find the same");
            assert_eq!(found.iter().flatten().collect::<HashSet<_>>().len(), 1000);
            assert_eq!(MAP.get(hash(77), |key| *key == 77), Some(&77));
            assert_eq!(MAP.get(hash(1000), |key| *key == 1000), None);
        }
    }

    fn depth(map: &Map<u64>) -> usize {
        let below = map.0.load(Acquire).map(|entry| entry.below.iter().map(depth).max());
        below.map_or(0, |deepest| 1 + deepest.unwrap_or(0))
    }

    #[test]
    fn many_keys_are_found_in_a_few_steps() {
        static MAP: Map<u64> = Map::new();
        for key in 0..50_000 {
            MAP.get_or_init(hash(key), |other| *other == key, || key);
        }
        assert!(depth(&MAP) < 24, "{}", depth(&MAP));
    }
}
