//! Events that were seen before: collectors deliver some lines twice.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher};

use foldhash::HashSet;
use foldhash::fast::RandomState;

use crate::parse::event::Event;

/// How many events back a second delivery is found.
const REMEMBERED: usize = 4096;

/// The last events of a process.
#[derive(Debug, Default)]
pub struct Recent {
    seen: HashSet<u64>,
    order: VecDeque<u64>,
    hash: RandomState,
}

impl Recent {
    /// Remembers an event; returns whether it was not among the last ones.
    pub fn is_new(&mut self, event: &Event) -> bool {
        let hash = self.hash(event);
        if !self.seen.insert(hash) {
            return false;
        }
        self.order.push_back(hash);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        true
    }

    /// Returns whether an event is among the last ones.
    pub fn has(&self, event: &Event) -> bool {
        self.seen.contains(&self.hash(event))
    }

    fn hash(&self, event: &Event) -> u64 {
        let mut hash = self.hash.build_hasher();
        hash.write_u8(event.kind.map_or(0, |kind| kind as u8));
        for number in [event.call_id, event.uptime_us, event.allocated, event.rss] {
            hash.write_u64(number.unwrap_or(u64::MAX));
        }
        hash.write(event.function.as_bytes());
        hash.write(event.label.as_bytes());
        hash.finish()
    }
}
