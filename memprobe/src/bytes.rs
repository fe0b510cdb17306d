//! A pair of counters.

/// Bytes a thread has ever allocated and freed, as usable (size-class) bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bytes {
    pub allocated: u64,
    pub freed: u64,
}

impl Bytes {
    pub const ZERO: Bytes = Bytes { allocated: 0, freed: 0 };

    /// `allocated − freed`; exact also when the counters of a call started below zero.
    #[inline]
    pub fn net(self) -> i64 {
        self.allocated.wrapping_sub(self.freed) as i64
    }

    #[inline]
    pub fn since(self, start: Bytes) -> Bytes {
        Bytes {
            allocated: self.allocated.wrapping_sub(start.allocated),
            freed: self.freed.wrapping_sub(start.freed),
        }
    }

    #[inline]
    pub fn plus(self, more: Bytes) -> Bytes {
        Bytes {
            allocated: self.allocated.wrapping_add(more.allocated),
            freed: self.freed.wrapping_add(more.freed),
        }
    }
}
