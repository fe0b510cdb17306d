//! Estimates from sampled blocks.
//!
//! jemalloc samples a block of `size` bytes with the probability `p = 1 − e^(−size / interval)`, so
//! that a sampled block stands for `size / p` bytes (its *weight*). The sum of weights is an unbiased
//! estimate of live bytes, and the sum of `weight² × (1 − p) = weight × (weight − size)` one of its
//! variance (D. Horvitz and D. Thompson, 1952).

use crate::report::Estimate;
use crate::runtime::stats::live::table::Block;

/// Returns the bytes that a sampled block of `size` bytes stands for.
pub(crate) fn weight(size: u64, interval: u64) -> u64 {
    let (size, interval) = (size as f64, interval as f64);
    // `exp_m1` is exact for sizes far below the interval.
    let probability = -(-size / interval).exp_m1();
    (size / probability).round() as u64
}

/// The sum of some blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sum {
    pub bytes: u64,
    pub variance: f64,
    pub samples: u64,
}

impl Sum {
    pub fn add(&mut self, block: &Block<'_>) {
        self.bytes = self.bytes.saturating_add(block.weight);
        self.variance += block.weight as f64 * block.weight.saturating_sub(block.size) as f64;
        self.samples += 1;
    }

    pub fn plus(self, other: Sum) -> Sum {
        Sum {
            bytes: self.bytes.saturating_add(other.bytes),
            variance: self.variance + other.variance,
            samples: self.samples + other.samples,
        }
    }

    pub fn error(self) -> u64 {
        self.variance.max(0.0).sqrt().round() as u64
    }

    pub fn estimate(self) -> Estimate {
        Estimate { bytes: self.bytes, error: self.error(), samples: self.samples }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: u64 = 512 << 10;

    #[test]
    fn a_small_block_stands_for_an_interval_and_a_large_one_for_itself() {
        for size in [8, 64, 4096] {
            assert!(weight(size, INTERVAL).abs_diff(INTERVAL + size / 2) <= 16, "{size}");
        }
        let large = 16 << 20;
        assert_eq!(weight(large, INTERVAL), large);
        // 1 / (1 − 1/e) of its size.
        assert_eq!(weight(INTERVAL, INTERVAL), 829_411);
        assert_eq!(weight(1000, 1), 1000, "all are sampled");
    }
}
