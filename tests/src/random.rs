//! Random numbers that are the same in each run.

/// xorshift64; the seed is not 0.
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    /// A number below `bound`, or 0 if that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound.max(1)
    }
}
