//! What has come since the last time: of counters, and of distributions as values for a histogram.

use crate::report::Distribution;
use crate::report::distribution::BUCKETS;

/// Returns by how much a counter has risen above `before`, which is raised to it.
pub(super) fn risen(before: &mut u64, now: u64) -> u64 {
    // Bytes are differences of counters: for a moment they may be below what they were.
    let more = now.wrapping_sub(*before) as i64;
    if more <= 0 {
        return 0;
    }
    *before = now;
    more as u64
}

/// How many values were handed over, in all and of each bucket.
pub(super) struct Counted {
    total: u64,
    buckets: Box<[u64; BUCKETS]>,
}

impl Default for Counted {
    fn default() -> Counted {
        Counted { total: 0, buckets: Box::new([0; BUCKETS]) }
    }
}

/// A value in bytes, and how often it came.
pub(super) type Value = (u64, u64);

impl Counted {
    /// Returns the values that were not handed over before, the highest first: as many as the total
    /// has risen by.
    ///
    /// Those that no bucket holds are zeros. A call that was in the total and not yet in its bucket,
    /// because it ended just then, has been handed over as one of them; when its bucket has it, there
    /// is no more room for it in the total.
    pub fn new_values(&mut self, distribution: &Distribution) -> Vec<Value> {
        let mut left = risen(&mut self.total, distribution.count());
        let now = distribution.counts();
        let mut values = Vec::new();
        for bucket in (0..BUCKETS).rev() {
            let before = &mut self.buckets[bucket];
            // What the total does not have yet comes the next time.
            let more = now[bucket].saturating_sub(*before).min(left);
            *before += more;
            left -= more;
            if more > 0 {
                values.push((distribution.value_of(bucket), more));
            }
        }
        if left > 0 {
            values.push((0, left));
        }
        values
    }
}

/// Leaves at most `most` values, the highest first: of each its share, and at least one as long as
/// there is room. Returns how many are left out.
pub(super) fn thin_out(values: &mut Vec<Value>, most: usize) -> u64 {
    let total: u64 = values.iter().map(|&(_, count)| count).sum();
    let most = most as u64;
    if total <= most {
        return 0;
    }
    let mut room = most;
    for (_, count) in values.iter_mut() {
        let share = u128::from(*count) * u128::from(most) / u128::from(total);
        *count = (share as u64).max(1).min(room);
        room -= *count;
    }
    values.retain(|&(_, count)| count > 0);
    total - (most - room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_falls_gives_nothing_until_it_is_above() {
        let mut before = 10;
        assert_eq!(risen(&mut before, 15), 5);
        assert_eq!(risen(&mut before, 12), 0);
        assert_eq!(risen(&mut before, 16), 1);
        assert_eq!(risen(&mut before, u64::MAX), 0, "below zero, and not far above");
    }

    #[test]
    fn every_value_is_new_once() {
        let mut counted = Counted::default();
        let mut peaks = Distribution::of(1 << 20, 3);
        assert_eq!(counted.new_values(&peaks), [(1 << 20, 3)], "not above the highest");
        assert_eq!(counted.new_values(&peaks), []);
        peaks.merge(&Distribution::of(5 << 20, 1));
        assert_eq!(counted.new_values(&peaks), [(11 << 19, 1)].map(|(_, n)| (5 << 20, n)));
    }

    #[test]
    fn zeros_that_no_bucket_holds_are_values() {
        let mut idle = Distribution::default();
        idle.add(7, 0, None);
        assert_eq!(Counted::default().new_values(&idle), [(0, 7)]);
    }

    #[test]
    fn a_call_that_its_bucket_has_later_is_handed_over_once() {
        let mut counted = Counted::default();
        let mut peaks = Distribution::of(1 << 20, 3);
        // One call more, which is not in its bucket yet.
        peaks.add(1, 0, None);
        assert_eq!(counted.new_values(&peaks), [(1 << 20, 3), (0, 1)]);
        let peaks = Distribution::of(1 << 20, 4);
        assert_eq!(counted.new_values(&peaks), []);
        let peaks = Distribution::of(1 << 20, 6);
        assert_eq!(counted.new_values(&peaks), [(1 << 20, 2)]);
    }

    #[test]
    fn a_value_that_comes_before_its_call_is_kept_for_the_next_time() {
        // Read after the total, which is 3, the bucket has two calls more.
        let mut early = Distribution::of(1 << 20, 5);
        let mut counted = Counted { total: 2, ..Counted::default() };
        assert_eq!(counted.new_values(&early), [(1 << 20, 3)]);
        early.add(2, 0, None);
        assert_eq!(counted.new_values(&early), [(1 << 20, 2)], "not as zeros");
    }

    #[test]
    fn thinned_out_values_keep_their_shares_and_the_highest() {
        let mut values = vec![(900, 1), (50, 600), (10, 399)];
        assert_eq!(thin_out(&mut values, 1000), 0);
        assert_eq!(thin_out(&mut values, 100), 900);
        assert_eq!(values, [(900, 1), (50, 60), (10, 39)]);
        let mut few = vec![(3, 5), (2, 5), (1, 5)];
        assert_eq!(thin_out(&mut few, 2), 13);
        assert_eq!(few, [(3, 1), (2, 1)], "the highest");
    }
}
