//! Times of day in a log, in µs since 1970.

use jiff::Timestamp;

/// Reads a time as RFC 3339 has it, or a number.
pub fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    if text.len() >= 19 && text.as_bytes().get(4) == Some(&b'-') {
        if let Ok(time) = text.parse::<Timestamp>() {
            return Some(time.as_microsecond());
        }
        // CloudWatch's queries have a space and no zone; it is UTC.
        let text = format!("{}Z", text.replacen(' ', "T", 1));
        return text.parse::<Timestamp>().ok().map(Timestamp::as_microsecond);
    }
    text.parse().ok().and_then(of_number)
}

/// Reads a number of seconds, ms, µs or ns since 1970: which of them, its size tells.
pub fn of_number(number: u64) -> Option<i64> {
    const YEAR_2001: u64 = 1_000_000_000;
    let micros = match number {
        0..YEAR_2001 => return None,
        YEAR_2001..100_000_000_000 => number * 1_000_000,
        100_000_000_000..100_000_000_000_000 => number * 1000,
        100_000_000_000_000..100_000_000_000_000_000 => number,
        _ => number / 1000,
    };
    i64::try_from(micros).ok()
}

/// Formats a time for people, to the ms.
pub fn show(micros: i64) -> String {
    Timestamp::from_microsecond(micros).map_or_else(|_| String::new(), |time| format!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_logs_have_is_read() {
        let at = parse("2026-11-25T14:00:04.800Z");
        assert_eq!(at.map(show).as_deref(), Some("2026-11-25T14:00:04.800Z"));
        for same in [
            "2026-11-25T14:00:04.800000+00:00",
            "2026-11-25T15:00:04.8+01:00",
            "2026-11-25 14:00:04.800",
            "1795615204800",
            "1795615204800000",
            "1795615204800000000",
        ] {
            assert_eq!(parse(same), at, "{same}");
        }
        assert_eq!(parse("1795615204").map(show).as_deref(), Some("2026-11-25T14:00:04.000Z"));
        for none in ["", "yesterday", "137", "2026-13-45T99:00:00Z"] {
            assert_eq!(parse(none), None, "{none}");
        }
    }
}
