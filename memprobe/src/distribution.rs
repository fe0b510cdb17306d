//! How often which value was seen, in log-linear buckets.

/// Four buckets for each power of two, so the middle of a bucket is at most 12.5 % off.
/// Values up to 2^40 bytes; higher ones count in the last bucket.
pub(crate) const BUCKETS: usize = 4 + 38 * 4;

/// The bucket of a value.
#[cfg(feature = "enabled")]
#[inline]
pub(crate) fn bucket(value: u64) -> usize {
    if value < 4 {
        return value as usize;
    }
    let power = value.ilog2();
    let quarter = (value >> (power - 2)) & 3;
    ((power as usize - 1) * 4 + quarter as usize).min(BUCKETS - 1)
}

/// The middle of a bucket.
fn middle(bucket: usize) -> u64 {
    if bucket < 4 {
        return bucket as u64;
    }
    let power = bucket / 4 + 1;
    let width = 1_u64 << (power - 2);
    (4 + bucket as u64 % 4) * width + width / 2
}

/// How often which value was seen. A value is known to within 12.5 %.
#[derive(Clone, Debug)]
pub struct Distribution {
    total: u64,
    /// No value is higher.
    most: u64,
    counts: Box<[u64; BUCKETS]>,
}

impl Default for Distribution {
    fn default() -> Self {
        Distribution { total: 0, most: 0, counts: Box::new([0; BUCKETS]) }
    }
}

impl Distribution {
    /// Values that are 0 may be in the total only, and not in the buckets.
    #[cfg(feature = "enabled")]
    pub(crate) fn add(&mut self, total: u64, most: u64, counts: &[u64; BUCKETS]) {
        self.total += total;
        self.most = self.most.max(most);
        for (sum, count) in self.counts.iter_mut().zip(counts) {
            *sum += count;
        }
    }

    /// How many values there were.
    pub fn count(&self) -> u64 {
        self.total
    }

    /// The sum of the values, at most 12.5 % off.
    pub(crate) fn sum(&self) -> u64 {
        let values = self.counts.iter().enumerate();
        let sums =
            values.map(|(bucket, &count)| middle(bucket).min(self.most).saturating_mul(count));
        sums.fold(0, u64::saturating_add)
    }

    /// The value that `q` (0 to 1) of all values do not exceed, in bytes, at most 12.5 % off;
    /// `None` if there was no value.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        if self.total == 0 {
            return None;
        }
        let rank = ((q.clamp(0.0, 1.0) * self.total as f64).ceil() as u64).max(1);
        if rank >= self.total {
            return Some(self.most);
        }
        let counted: u64 = self.counts.iter().sum();
        let mut seen = self.total.saturating_sub(counted);
        if seen >= rank {
            return Some(0);
        }
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Some(middle(bucket).min(self.most));
            }
        }
        Some(self.most)
    }
}

#[cfg(all(test, feature = "enabled"))]
impl Distribution {
    /// The same value many times.
    pub(crate) fn of(value: u64, times: u64) -> Distribution {
        let mut counts = Box::new([0; BUCKETS]);
        counts[bucket(value)] = times;
        Distribution { total: times, most: value, counts }
    }
}

#[cfg(all(test, feature = "enabled"))]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_bucket_is_at_most_an_eighth_off() {
        let mut value = 1_u64;
        while value < 1 << 39 {
            for value in [value - 1, value, value + value / 3] {
                let error = middle(bucket(value)).abs_diff(value);
                assert!(error * 8 <= value, "{value} counts as {}", middle(bucket(value)));
            }
            value += value / 7 + 1;
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_count_the_zeros_that_no_bucket_holds() {
        let mut some = Distribution::default();
        assert_eq!(some.quantile(0.5), None);
        let mut counts = [0; BUCKETS];
        counts[bucket(1 << 20)] = 40;
        some.add(100, 1 << 20, &counts);
        assert_eq!(some.quantile(0.5), Some(0));
        assert_eq!(some.quantile(0.99), Some(1 << 20), "not above the highest");
    }
}
