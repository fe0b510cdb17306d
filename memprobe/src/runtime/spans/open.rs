//! Which spans may be calls: a counting Bloom filter of their ids, so that a span that is none
//! costs no look into the registry.

use tracing::span::Id;

use crate::runtime::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// With a thousand calls open at once, a span that is none is looked up once in four times.
const COUNTERS: usize = 4096;

/// The ids of spans that are calls, of all registries. All orders are relaxed: whoever has the id
/// of a span has it from the thread that created the span, or after that.
pub(super) static OPEN: Ids = Ids::new();

pub(super) struct Ids([AtomicU32; COUNTERS]);

impl Ids {
    const fn new() -> Ids {
        Ids([const { AtomicU32::new(0) }; COUNTERS])
    }

    fn counter(&self, id: &Id) -> &AtomicU32 {
        // Fibonacci hashing: the first bits of the product depend on all bits of the id.
        let hash = id.into_u64().wrapping_mul(0x9E37_79B9_7F4A_7C15);
        &self.0[(hash >> (u64::BITS - COUNTERS.ilog2())) as usize]
    }

    pub fn insert(&self, id: &Id) {
        self.counter(id).fetch_add(1, Relaxed);
    }

    /// Removes an id that was inserted.
    pub fn remove(&self, id: &Id) {
        self.counter(id).fetch_sub(1, Relaxed);
    }

    /// Returns false only for an id that is not there.
    #[inline]
    pub fn may_contain(&self, id: &Id) -> bool {
        self.counter(id).load(Relaxed) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_is_there_is_found_and_most_others_are_not() {
        let ids = Ids::new();
        let all = |from: u64| (from..from + 1000).map(|id| Id::from_u64(id << 20 | id));
        all(1).for_each(|id| ids.insert(&id));
        assert!(all(1).all(|id| ids.may_contain(&id)));
        let found = all(5000).filter(|id| ids.may_contain(id)).count();
        assert!(found < 400, "{found}");
        all(1).for_each(|id| ids.remove(&id));
        assert!(!all(1).any(|id| ids.may_contain(&id)));
    }
}
