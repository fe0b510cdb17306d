//! All rows of the tables as compact text, which the page's script reads.
//!
//! A figure is written as in source maps: in digits of base 64 with five bits each, the lowest
//! first; the sixth bit means that another digit follows. A negative figure has `-` in front. `.`
//! is an absent figure, and `=` repeats the previous one, which is absent at the start.

use std::fmt::Write as _;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A sequence of packed figures.
#[derive(Default)]
pub(super) struct Packed {
    text: String,
    last: Option<i64>,
}

impl Packed {
    pub fn push(&mut self, value: Option<i64>) {
        if self.last == value {
            self.text.push('=');
            return;
        }
        self.last = value;
        match value {
            None => self.text.push('.'),
            Some(value) => {
                if value < 0 {
                    self.text.push('-');
                }
                digits(&mut self.text, value.unsigned_abs());
            }
        }
    }

    pub fn count(&mut self, count: u64) {
        self.push(Some(i64::try_from(count).unwrap_or(i64::MAX)));
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn digits(text: &mut String, mut value: u64) {
    loop {
        let (digit, rest) = (value as usize & 31, value >> 5);
        let more = if rest > 0 { 32 } else { 0 };
        text.push(char::from(DIGITS[digit | more]));
        if rest == 0 {
            return;
        }
        value = rest;
    }
}

/// The distinct names of functions and labels of points.
pub(super) struct Names {
    pub functions: Strings,
    pub labels: Strings,
}

/// Distinct strings, numbered in their order.
pub(super) struct Strings {
    sorted: Vec<&'static str>,
}

impl Strings {
    pub fn of(mut strings: Vec<&'static str>) -> Strings {
        strings.sort_unstable();
        strings.dedup();
        Strings { sorted: strings }
    }

    /// Returns the number of a string, which must be one of them.
    pub fn number(&self, string: &str) -> u64 {
        self.sorted.binary_search(&string).unwrap_or(0) as u64
    }

    /// Returns a JSON array for a `script` element. Each string is written as the number of UTF-16
    /// units it shares with the previous one, in digits, and the rest.
    pub fn json(&self) -> String {
        let mut text = String::from("[");
        let mut last = "";
        for string in &self.sorted {
            let same = last.chars().zip(string.chars()).take_while(|(one, other)| one == other);
            let (bytes, units) = same.fold((0, 0), |(bytes, units), (char, _)| {
                (bytes + char.len_utf8(), units + char.len_utf16())
            });
            text.push_str(if text.len() > 1 { ",\"" } else { "\"" });
            digits(&mut text, units as u64);
            escape(&mut text, &string[bytes..]);
            text.push('"');
            last = string;
        }
        text.push(']');
        text
    }
}

/// Escapes a JSON string for a `script` element, so that no tag can begin or end in it.
fn escape(text: &mut String, string: &str) {
    for char in string.chars() {
        match char {
            '"' | '\\' | '<' | '\0'..' ' => {
                // Writing to a string cannot fail.
                let _ = write!(text, "\\u{:04x}", u32::from(char));
            }
            _ => text.push(char),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_a_few_characters() {
        let mut packed = Packed::default();
        for value in [Some(0), Some(31), Some(32), Some(32), None, None, Some(-1), Some(1 << 20)] {
            packed.push(value);
        }
        assert_eq!(packed.as_str(), "AfgB=.=-BggggB");
    }

    #[test]
    fn strings_share_their_beginnings_and_cannot_end_the_script() {
        let names = Strings::of(vec!["app::b", "app::a", "</script>\n\"\\", "app::b"]);
        assert_eq!(names.number("app::b"), 2);
        let expected = r#"["A\u003c/script>\u000a\u0022\u005c","Aapp::a","Fb"]"#;
        assert_eq!(names.json(), expected);
    }
}
