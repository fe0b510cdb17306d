//! Formats bytes, counts, durations and percentages for people.

use std::fmt;
use std::time::Duration;

/// Writes an integer in a tenth of the time that `fmt` takes, because each event has many.
pub(crate) fn number(out: &mut impl fmt::Write, number: u64) -> fmt::Result {
    if number >= 10 {
        self::number(out, number / 10)?;
    }
    out.write_char(char::from(b'0' + (number % 10) as u8))
}

/// A number of bytes, written in B, KiB, MiB, GiB or TiB.
pub struct HumanBytes(pub u64);

impl HumanBytes {
    pub(crate) fn write(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let bytes = self.0;
        if bytes < 1 << 10 {
            number(out, bytes)?;
            return out.write_str(" B");
        }
        // A value that rounds up to the next unit is written in that unit.
        if bytes < (1 << 20) - (1 << 9) {
            number(out, (bytes + (1 << 9)) >> 10)?;
            return out.write_str(" KiB");
        }
        if bytes < (1 << 30) - (1 << 19) / 10 {
            let tenths = (bytes * 10 + (1 << 19)) >> 20;
            number(out, tenths / 10)?;
            out.write_char('.')?;
            number(out, tenths % 10)?;
            return out.write_str(" MiB");
        }
        let (unit, power) =
            if bytes < (1 << 40) - (1 << 30) / 200 { ("GiB", 30) } else { ("TiB", 40) };
        let hundredths = (u128::from(bytes) * 100 + (1 << (power - 1))) >> power;
        write!(out, "{}.{:02} {unit}", hundredths / 100, hundredths % 100)
    }
}

/// A number of bytes, written with its sign.
pub struct SignedBytes(pub i64);

impl SignedBytes {
    pub(crate) fn write(&self, out: &mut impl fmt::Write) -> fmt::Result {
        out.write_char(if self.0 < 0 { '-' } else { '+' })?;
        HumanBytes(self.0.unsigned_abs()).write(out)
    }
}

/// A number of bytes, written with a sign only if it is negative.
pub struct Net(pub i64);

impl Net {
    pub(crate) fn write(&self, out: &mut impl fmt::Write) -> fmt::Result {
        if self.0 < 0 {
            out.write_char('-')?;
        }
        HumanBytes(self.0.unsigned_abs()).write(out)
    }
}

impl fmt::Display for HumanBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)
    }
}

impl fmt::Display for SignedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)
    }
}

/// A count, written in millions from 10 million on.
pub struct HumanCount(pub u64);

impl fmt::Display for HumanCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0..10_000_000 => write!(f, "{}", self.0),
            count => {
                let tenths = count / 100_000 + (count / 50_000) % 2;
                write!(f, "{}.{} M", tenths / 10, tenths % 10)
            }
        }
    }
}

/// A duration, written in us, ms, s, min or h.
pub struct HumanDuration(pub Duration);

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = self.0.as_micros();
        match us {
            0..1000 => write!(f, "{us} us"),
            1000..100_000 => write!(f, "{:.1} ms", us as f64 / 1e3),
            100_000..10_000_000 => write!(f, "{} ms", us / 1000),
            10_000_000..600_000_000 => write!(f, "{} s", us / 1_000_000),
            600_000_000..36_000_000_000 => write!(f, "{} min", us / 60_000_000),
            _ => write!(f, "{} h", us / 3_600_000_000),
        }
    }
}

/// Returns `part` in percent of `whole`, rounded down; `None` if `whole` is 0.
pub(crate) fn percent(part: u64, whole: u64) -> Option<u128> {
    (u128::from(part) * 100).checked_div(whole.into())
}

#[cfg(all(test, feature = "enabled"))]
mod tests {
    use super::*;

    #[test]
    fn a_unit_begins_where_rounding_would_reach_it() {
        let shown = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            ((1 << 20) - 513, "1023 KiB"),
            ((1 << 20) - 512, "1.0 MiB"),
            ((1 << 30) - 1, "1.00 GiB"),
            ((1 << 40) - 1, "1.00 TiB"),
            (u64::MAX, "16777216.00 TiB"),
        ];
        for (bytes, expected) in shown {
            assert_eq!(HumanBytes(bytes).to_string(), expected);
        }
        assert_eq!(SignedBytes(2048).to_string(), "+2 KiB");
        assert_eq!(Net(2048).to_string(), "2 KiB");
        assert_eq!(Net(i64::MIN).to_string(), "-8388608.00 TiB");
        assert_eq!(HumanCount(9_999_999).to_string(), "9999999");
        assert_eq!(HumanCount(10_000_000).to_string(), "10.0 M");
        assert_eq!(HumanDuration(Duration::from_micros(8517)).to_string(), "8.5 ms");
        assert_eq!(HumanDuration(Duration::from_secs(599)).to_string(), "599 s");
        assert_eq!(HumanDuration(Duration::from_secs(600)).to_string(), "10 min");
        assert_eq!(HumanDuration(Duration::from_secs(36_000)).to_string(), "10 h");
        assert_eq!(percent(1, 0), None);
        assert_eq!(percent(u64::MAX, u64::MAX), Some(100));
    }
}
