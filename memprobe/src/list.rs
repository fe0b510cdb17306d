//! A list that only grows, of what is never freed: read from any thread without a lock.

use std::sync::atomic::Ordering::Acquire;

use crate::static_ref::StaticRef;

pub(crate) struct List<T: 'static>(StaticRef<Link<T>>);

struct Link<T: 'static> {
    value: T,
    next: List<T>,
}

impl<T: Send + Sync> List<T> {
    pub const fn new() -> List<T> {
        List(StaticRef::none())
    }

    /// The values, the oldest first.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = &'static T> + use<T> {
        let link = self.0.load(Acquire);
        std::iter::successors(link, |link| link.next.0.load(Acquire)).map(|link| &link.value)
    }

    /// Hangs a value on the end, unless one that will do stands in the list by then; gives
    /// the one that does. Allocates.
    pub fn add(&self, value: T, will_do: impl Fn(&T) -> bool) -> &'static T {
        let mut ours = Box::new(Link { value, next: List::new() });
        let mut list = self;
        loop {
            match list.0.fill(ours) {
                Ok(link) => return &link.value,
                Err((link, _)) if will_do(&link.value) => return &link.value,
                Err((link, back)) => (list, ours) = (&link.next, back),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::List;

    #[test]
    fn threads_that_add_the_same_get_the_same() {
        static LIST: List<u64> = List::new();
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
}
