//! Figures as people read them.

use std::fmt;
#[cfg(feature = "enabled")]
use std::time::Duration;

/// Bytes in the unit that people read.
pub(crate) struct Scaled(pub u64);

impl fmt::Display for Scaled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0;
        if bytes < 1 << 10 {
            return write!(f, "{bytes} B");
        }
        // The next unit where rounding would reach it.
        if bytes < (1 << 20) - (1 << 9) {
            return write!(f, "{} KiB", (bytes + (1 << 9)) >> 10);
        }
        // Without floats, which take twice as long, three times a line.
        if bytes < (1 << 30) - (1 << 19) / 10 {
            let tenths = (bytes * 10 + (1 << 19)) >> 20;
            return write!(f, "{}.{} MiB", tenths / 10, tenths % 10);
        }
        write!(f, "{:.2} GiB", bytes as f64 / f64::from(1 << 30))
    }
}

/// Bytes with a sign.
#[cfg(feature = "enabled")]
pub(crate) struct Signed(pub i64);

#[cfg(feature = "enabled")]
impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { '-' } else { '+' };
        write!(f, "{sign}{}", Scaled(self.0.unsigned_abs()))
    }
}

/// A duration in the unit that people read.
#[cfg(feature = "enabled")]
pub(crate) struct Took(pub Duration);

#[cfg(feature = "enabled")]
impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = self.0.as_micros();
        match us {
            0..10_000 => write!(f, "{us} us"),
            10_000..10_000_000 => write!(f, "{} ms", us / 1000),
            _ => write!(f, "{} s", us / 1_000_000),
        }
    }
}
