//! A list that only grows. Its values are never freed, and any thread reads them without a lock.

use crate::runtime::sync::atomic::Ordering::{Acquire, Release};
use crate::runtime::sync::static_ref::StaticRef;

pub(crate) struct AppendList<T: 'static> {
    first: StaticRef<Link<T>>,
    /// A link at or near the end, from which `push` looks for the end.
    last: StaticRef<Link<T>>,
}

struct Link<T: 'static> {
    value: T,
    next: StaticRef<Link<T>>,
}

impl<T: Send + Sync> AppendList<T> {
    pub const fn new() -> AppendList<T> {
        AppendList { first: StaticRef::none(), last: StaticRef::none() }
    }

    /// Iterates over the values, oldest first.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = &'static T> + use<T> {
        let link = self.first.load(Acquire);
        std::iter::successors(link, |link| link.next.load(Acquire)).map(|link| &link.value)
    }

    /// Appends `value`. Allocates.
    pub fn push(&self, value: T) -> &'static T {
        let from = self.last.load(Acquire).map_or(&self.first, |link| &link.next);
        self.hang(from, value, |_| false)
    }

    /// Appends `value` unless an equivalent one (`will_do`) was appended first. Returns the one in
    /// the list. Allocates.
    pub fn add(&self, value: T, will_do: impl Fn(&T) -> bool) -> &'static T {
        self.hang(&self.first, value, will_do)
    }

    fn hang(
        &self,
        mut place: &StaticRef<Link<T>>,
        value: T,
        will_do: impl Fn(&T) -> bool,
    ) -> &'static T {
        let mut ours = Box::new(Link { value, next: StaticRef::none() });
        loop {
            match place.try_init(ours) {
                Ok(link) => {
                    self.last.store(Some(link), Release);
                    return &link.value;
                }
                Err((link, _)) if will_do(&link.value) => return &link.value,
                Err((link, back)) => (place, ours) = (&link.next, back),
            }
        }
    }
}

#[cfg(all(test, memprobe_loom))]
mod models;

#[cfg(test)]
mod tests {
    use super::AppendList;

    #[test]
    fn threads_that_add_the_same_get_the_same() {
        static LIST: AppendList<u64> = AppendList::new();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for value in 0..100 {
                        assert_eq!(*LIST.add(value, |other| *other == value), value);
                    }
                });
            }
        });
        let mut values: Vec<u64> = LIST.iter().copied().collect();
        values.sort_unstable();
        assert_eq!(values, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn what_threads_push_is_all_there_and_in_the_order_of_each() {
        static LIST: AppendList<(u64, u64)> = AppendList::new();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                scope.spawn(move || {
                    for n in 0..1000 {
                        LIST.push((thread, n));
                    }
                });
            }
        });
        for thread in 0..8 {
            let of_one = LIST.iter().filter(|(by, _)| *by == thread).map(|&(_, n)| n);
            assert_eq!(of_one.collect::<Vec<_>>(), (0..1000).collect::<Vec<_>>());
        }
    }
}
