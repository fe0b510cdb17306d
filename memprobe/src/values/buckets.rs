//! The bounds of histograms that suit what memprobe hands over.

/// Bounds for histograms of bytes: two for each doubling, from 4 KiB to 16 GiB.
///
/// Engines that count into buckets must be told their bounds. These are also bounds of the buckets
/// that memprobe itself counts in, so that the second count adds no error to the first: a value is
/// in the bucket that it belongs to, except that a value equal to a bound may count as more than it.
///
/// # Examples
///
/// ```
/// assert_eq!(memprobe::metrics::BUCKETS[..4], [4096.0, 6144.0, 8192.0, 12288.0]);
/// ```
pub const BUCKETS: [f64; 45] = {
    let mut bounds = [0.0; 45];
    let mut at = 0;
    while at < bounds.len() {
        let power = 4096_u64 << (at / 2);
        bounds[at] = (power + power / 2 * (at as u64 % 2)) as f64;
        at += 1;
    }
    bounds
};

#[cfg(test)]
mod tests {
    use super::BUCKETS;

    #[test]
    fn the_bounds_rise_from_4_kib_to_16_gib() {
        assert_eq!((BUCKETS[0], BUCKETS[44]), (4096.0, f64::from(1 << 30) * 16.0));
        assert!(BUCKETS.windows(2).all(|pair| pair[1] / pair[0] < 1.51 && pair[1] > pair[0]));
    }
}
