//! Sizes as people write them.

/// Returns the bytes of a size such as `64 MiB`, `1.5GiB` or `1000 B`. `None` if it is none, or is
/// below one byte.
pub fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|char: char| char.is_ascii_alphabetic())?);
    let each: u64 = match unit {
        "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    let number = number.trim();
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let bytes = number.parse::<f64>().ok().filter(|_| is_plain)? * each as f64;
    (1.0..1e18).contains(&bytes).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn a_size_is_a_number_and_a_unit() {
        for (text, expected) in [
            ("64 MiB", 64 << 20),
            ("1.5GiB", 3 << 29),
            (" 10 kB ", 10_000),
            ("1 B", 1),
            ("2 GB", 2_000_000_000),
        ] {
            assert_eq!(bytes(text), Some(expected), "{text}");
        }
        for text in ["", "64", "MiB", "64 mib", "-1 B", "0 B", "1e3 B", "inf B", "64 MiB/s", "1 TB"]
        {
            assert_eq!(bytes(text), None, "{text}");
        }
    }
}
