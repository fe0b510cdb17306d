//! The lines of a watch, read the way a log store would: as `key=value`.

use std::collections::BTreeMap;

/// One line, by its keys.
#[derive(Clone, Debug)]
pub struct Line(BTreeMap<String, String>);

/// The lines that memprobe wrote, of all that a program left on stderr.
///
/// # Panics
///
/// If one of them is no list of `key=value`.
pub fn lines(stderr: &[u8]) -> Vec<Line> {
    let stderr = String::from_utf8(stderr.to_vec()).expect("text");
    stderr.lines().filter_map(|line| line.strip_prefix("memprobe: ")).map(parse).collect()
}

fn parse(line: &str) -> Line {
    let mut pairs = BTreeMap::new();
    let mut rest = line;
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').unwrap_or_else(|| panic!("a key: {rest}"));
        assert!(
            key.chars().all(|char| char.is_ascii_lowercase() || char == '_'),
            "{key} in {line}"
        );
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or_else(|| panic!("a quote: {line}")),
            None => after.split_at(after.find(' ').unwrap_or(after.len())),
        };
        assert!(pairs.insert(key.to_owned(), value.to_owned()).is_none(), "{key} twice: {line}");
        rest = after.strip_prefix(' ').unwrap_or(after);
        assert!(rest.is_empty() || after.starts_with(' '), "after {key}: {line}");
    }
    Line(pairs)
}

impl Line {
    /// The value of a key, or "" if it is not there.
    pub fn get(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }

    /// A value in MiB.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn mib(&self, key: &str) -> f64 {
        mib(self.get(key)).unwrap_or_else(|| panic!("no {key} in {self:?}"))
    }

    /// The items of a list.
    pub fn items(&self, key: &str) -> Vec<&str> {
        self.get(key).split("), ").filter(|item| !item.is_empty()).collect()
    }
}

/// The first amount of bytes in a text, in MiB.
pub fn mib(text: &str) -> Option<f64> {
    text.split(' ').find_map(|word| {
        let word = word.trim_start_matches("<=").trim_end_matches([',', ')']);
        let unit = word.find(|char: char| char.is_ascii_alphabetic())?;
        let number: f64 = word[..unit].parse().ok()?;
        let scale = match &word[unit..] {
            "B" => 1.0 / 1024.0 / 1024.0,
            "KiB" => 1.0 / 1024.0,
            "MiB" => 1.0,
            "GiB" => 1024.0,
            _ => return None,
        };
        Some(number * scale)
    })
}
