//! Distributions of values in log-linear buckets.

use std::num::NonZeroU64;

/// Four buckets for each power of two, so the middle of a bucket is at most 12.5 % off.
/// The last is for all values of [`BEYOND`] and more.
pub(crate) const BUCKETS: usize = 4 + 38 * 4;
/// 896 GiB: values from here on share a bucket.
const BEYOND: u64 = 7 << 37;

/// Returns the bucket of a value.
#[cfg(any(feature = "enabled", feature = "__builder"))]
#[inline]
pub(crate) fn bucket(value: u64) -> usize {
    if value < 4 {
        return value as usize;
    }
    let power = value.ilog2();
    let quarter = (value >> (power - 2)) & 3;
    ((power as usize - 1) * 4 + quarter as usize).min(BUCKETS - 1)
}

/// Returns the middle of a bucket, or the lower end of the last.
fn middle(bucket: usize) -> u64 {
    if bucket < 4 {
        return bucket as u64;
    }
    if bucket >= BUCKETS - 1 {
        return BEYOND;
    }
    let power = bucket / 4 + 1;
    let width = 1_u64 << (power - 2);
    (4 + bucket as u64 % 4) * width + width / 2
}

/// The distribution of a figure over single calls or passes. Values are known to within 12.5 %.
///
/// # Examples
///
/// ```
/// for function in memprobe::report().functions {
///     if let Some(bytes) = function.peaks.quantile(0.95) {
///         println!("95 % of the calls of {} peak at {bytes} bytes or less", function.name);
///     }
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Distribution {
    total: u64,
    /// The highest value, where it is known exactly and is not 0.
    highest: Option<NonZeroU64>,
    buckets: Buckets,
}

/// The buckets that are not empty, the lowest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buckets(Box<[Bucket]>);

/// A bucket and how many values are in it, packed into one word: reports have very many
/// distributions with few buckets each.
#[derive(Clone, Copy, Debug)]
struct Bucket(u64);

impl Bucket {
    const COUNT: u32 = u64::BITS - u8::BITS;

    #[cfg(any(feature = "enabled", feature = "__builder"))]
    fn new(bucket: usize, count: u64) -> Bucket {
        Bucket((bucket as u64) << Bucket::COUNT | count.min((1 << Bucket::COUNT) - 1))
    }

    fn bucket(self) -> usize {
        (self.0 >> Bucket::COUNT) as usize
    }

    fn count(self) -> u64 {
        self.0 & ((1 << Bucket::COUNT) - 1)
    }
}

#[cfg(any(feature = "enabled", feature = "__builder"))]
impl Buckets {
    pub fn of(counts: &[u64; BUCKETS]) -> Buckets {
        let mut used = Vec::with_capacity(counts.iter().filter(|&&count| count > 0).count());
        for (at, &count) in counts.iter().enumerate() {
            if count > 0 {
                used.push(Bucket::new(at, count));
            }
        }
        Buckets(used.into())
    }

    fn add(&mut self, other: &Buckets) {
        if self.0.is_empty() {
            self.clone_from(other);
            return;
        }
        let mut sums = [0; BUCKETS];
        for bucket in self.0.iter().chain(&other.0) {
            sums[bucket.bucket()] += bucket.count();
        }
        *self = Buckets::of(&sums);
    }
}

impl Distribution {
    /// Adds `total` values. Zeros may be missing from the buckets. `highest` is 0 if it is not
    /// known.
    #[cfg(any(feature = "enabled", feature = "__builder"))]
    pub(crate) fn add(&mut self, total: u64, highest: u64, buckets: Option<&Buckets>) {
        self.total += total;
        self.highest = self.highest.max(NonZeroU64::new(highest));
        if let Some(buckets) = buckets {
            self.buckets.add(buckets);
        }
    }

    /// Adds one value. `is_idle` if the call neither allocated nor freed; `is_peak` if the highest
    /// value is of interest.
    #[cfg(feature = "__builder")]
    pub(crate) fn observe(&mut self, value: u64, is_idle: bool, is_peak: bool) {
        self.total += 1;
        if is_peak {
            self.highest = self.highest.max(NonZeroU64::new(value));
        }
        if is_idle {
            return;
        }
        let at = bucket(value);
        match self.buckets.0.binary_search_by_key(&at, |bucket| bucket.bucket()) {
            Ok(place) => self.buckets.0[place].0 += 1,
            Err(place) => {
                let mut buckets = std::mem::take(&mut self.buckets.0).into_vec();
                buckets.insert(place, Bucket::new(at, 1));
                self.buckets.0 = buckets.into();
            }
        }
    }

    /// Adds the values of another distribution.
    #[cfg(any(feature = "__builder", all(feature = "enabled", feature = "metrics")))]
    pub(crate) fn merge(&mut self, other: &Distribution) {
        let highest = other.highest.map_or(0, NonZeroU64::get);
        self.add(other.total, highest, Some(&other.buckets));
    }

    /// Returns how many values there are in each bucket. Zeros may be missing.
    #[cfg(all(feature = "enabled", feature = "metrics"))]
    pub(crate) fn counts(&self) -> [u64; BUCKETS] {
        let mut counts = [0; BUCKETS];
        for bucket in &self.buckets.0 {
            counts[bucket.bucket()] = bucket.count();
        }
        counts
    }

    /// Returns the value that stands for a bucket: its middle, or the highest value if that is known
    /// and lower.
    pub(crate) fn value_of(&self, bucket: usize) -> u64 {
        let middle = middle(bucket);
        self.highest.map_or(middle, |highest| middle.min(highest.get()))
    }

    /// Returns how many values there are.
    pub fn count(&self) -> u64 {
        self.total
    }

    fn value(&self, bucket: Bucket) -> u64 {
        self.value_of(bucket.bucket())
    }

    /// Returns the sum of the values, at most 12.5 % off unless there are values of 1 TiB or more.
    pub(crate) fn sum(&self) -> u64 {
        let values = self.buckets.0.iter();
        let sums = values.map(|&bucket| self.value(bucket).saturating_mul(bucket.count()));
        sums.fold(0, u64::saturating_add)
    }

    /// Returns the value that a part `q` (0 to 1) of all values do not exceed, in bytes. It is at
    /// most 12.5 % off; the highest of all peaks is exact.
    ///
    /// Returns `None` if there are no values, and if the value is 896 GiB or more and not known
    /// exactly. A call that runs for very long may allocate that much.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        if self.total == 0 {
            return None;
        }
        let rank = ((q.clamp(0.0, 1.0) * self.total as f64).ceil() as u64).max(1);
        if let Some(highest) = self.highest.filter(|_| rank >= self.total) {
            return Some(highest.get());
        }
        let counted: u64 = self.buckets.0.iter().map(|bucket| bucket.count()).sum();
        let mut seen = self.total.saturating_sub(counted);
        if seen >= rank {
            return Some(0);
        }
        let bucket = self.buckets.0.iter().find(|bucket| {
            seen += bucket.count();
            seen >= rank
        });
        // The total may include values that were not yet in the buckets when these were read.
        let &bucket = bucket.or(self.buckets.0.last())?;
        (bucket.bucket() < BUCKETS - 1).then(|| self.value(bucket))
    }
}

#[cfg(all(test, feature = "enabled"))]
impl Distribution {
    /// Returns a distribution of `times` equal values.
    pub(crate) fn of(value: u64, times: u64) -> Distribution {
        let mut counts = [0; BUCKETS];
        counts[bucket(value)] = times;
        let mut one = Distribution::default();
        one.add(times, value, Some(&Buckets::of(&counts)));
        one
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
        assert_eq!(bucket(BEYOND - 1), BUCKETS - 2);
        assert_eq!(bucket(BEYOND), BUCKETS - 1);
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    /// splitmix64.
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            mixed ^ (mixed >> 31)
        }

        fn below(&mut self, end: u64) -> u64 {
            self.next() % end
        }

        /// A value of any magnitude; one of four is 0.
        fn value(&mut self) -> u64 {
            if self.below(4) == 0 { 0 } else { self.next() >> (25 + self.below(39)) }
        }
    }

    /// Holds all quantiles against a sorted list, with the highest value known and not.
    #[test]
    fn every_quantile_is_that_of_the_sorted_values() {
        let mut random = Random(1);
        for round in 0..2000 {
            let count = 1 + random.below(if round % 10 == 0 { 1000 } else { 25 });
            let same = random.value();
            let draw = |_| if round % 3 == 0 { same } else { random.value() };
            let mut values: Vec<u64> = (0..count).map(draw).collect();
            // As from two calling contexts; some zeros are in the total alone.
            let (mut known, mut unknown) = (Distribution::default(), Distribution::default());
            for part in values.chunks(values.len().div_ceil(2)) {
                let mut counts = [0; BUCKETS];
                for (at, &value) in part.iter().enumerate() {
                    counts[bucket(value)] += u64::from(value > 0 || at % 2 == 0);
                }
                let highest = part.iter().copied().max().unwrap_or(0);
                known.add(part.len() as u64, highest, Some(&Buckets::of(&counts)));
                unknown.add(part.len() as u64, 0, Some(&Buckets::of(&counts)));
            }
            values.sort_unstable();
            let steps = (0..=100).map(|step| f64::from(step) / 100.0);
            for q in steps.chain([0.999, 0.001]) {
                let rank = (q * count as f64).ceil().max(1.0) as usize;
                let right = values[rank - 1];
                for distribution in [&known, &unknown] {
                    let found = distribution.quantile(q).expect("there are values");
                    assert!(found.abs_diff(right) * 8 <= right, "{q} of {values:?}: {found}");
                }
            }
            assert_eq!(known.quantile(1.0), values.last().copied(), "exact");
        }
    }

    #[test]
    fn quantiles_count_the_zeros_that_no_bucket_holds() {
        let mut some = Distribution::default();
        assert_eq!(some.quantile(0.5), None);
        let mut counts = [0; BUCKETS];
        counts[bucket(1 << 20)] = 40;
        some.add(100, 1 << 20, Some(&Buckets::of(&counts)));
        assert_eq!(some.quantile(0.5), Some(0));
        assert_eq!(some.quantile(0.99), Some(1 << 20), "not above the highest");
        assert_eq!(some.quantile(f64::NAN), Some(0));
    }

    #[test]
    fn what_is_beyond_the_buckets_is_not_told() {
        let mut counts = [0; BUCKETS];
        counts[bucket(1 << 20)] = 1;
        counts[bucket(1 << 41)] = 1;
        let mut allocated = Distribution::default();
        allocated.add(2, 0, Some(&Buckets::of(&counts)));
        assert!(allocated.quantile(0.5).is_some_and(|bytes| bytes < 2 << 20));
        assert_eq!(allocated.quantile(0.99), None);
        let mut peaks = Distribution::default();
        peaks.add(2, 1 << 41, Some(&Buckets::of(&counts)));
        assert_eq!(peaks.quantile(1.0), Some(1 << 41));
    }

    #[test]
    fn a_bucket_and_its_count_fit_into_a_word() {
        for (at, count) in [(0, 0), (BUCKETS - 1, 1), (7, (1 << 56) - 1)] {
            let bucket = Bucket::new(at, count);
            assert_eq!((bucket.bucket(), bucket.count()), (at, count));
        }
        assert_eq!(Bucket::new(7, u64::MAX).bucket(), 7);
    }
}
