//! What tells memprobe's events and lines from others, found in one search through a line.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::parse::watch;

/// What of memprobe's a text has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "they are found independently")]
pub struct Marks {
    /// An event in a text format, as in ` memprobe="exit"` and `, memprobe: "exit"`.
    pub text: bool,
    /// An event in JSON.
    pub json: bool,
    /// The line of a watch.
    pub watch: bool,
    /// An event of either kind inside a text in quotes, in which its own quotes have backslashes.
    pub quoted: bool,
}

static WORD: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("memprobe"));
static UPTIME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("uptime_us"));

impl Marks {
    pub fn of(text: &str) -> Marks {
        let text = text.as_bytes();
        let mut marks = Marks::default();
        for at in WORD.find_iter(text) {
            let (before, after) = (text[..at].last(), &text[at + "memprobe".len()..]);
            marks.watch |= text[at..].starts_with(watch::PREFIX.as_bytes());
            let Some((sign, is_quoted)) = value(after) else { continue };
            marks.quoted |= is_quoted;
            marks.json |= !is_quoted && sign == Sign::Json;
            let is_word = before.is_none_or(|&byte| byte == b' ');
            marks.text |= !is_quoted && sign == Sign::Text && is_word;
        }
        // Applications have such words in texts too. Every event has its time.
        marks.quoted &= marks.quoted && UPTIME.find(text).is_some();
        marks
    }

    pub fn any(self) -> bool {
        self != Marks::default()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Text,
    Json,
}

/// Reads what stands between a key and the word that is its value: `="`, `: "` or `":"`. Returns
/// whether its quotes have backslashes too.
fn value(after: &[u8]) -> Option<(Sign, bool)> {
    let mut backslashes = 0;
    let mut quote = |text: &'_ [u8]| -> usize {
        let count = text.iter().take_while(|&&byte| byte == b'\\').count();
        backslashes += count;
        count
    };
    let (sign, rest) = match after {
        [b'=', rest @ ..] | [b':', b' ', rest @ ..] => (Sign::Text, rest),
        _ => {
            let rest = after[quote(after)..].strip_prefix(b"\"")?.trim_ascii_start();
            (Sign::Json, rest.strip_prefix(b":")?.trim_ascii_start())
        }
    };
    let word = rest[quote(rest)..].strip_prefix(b"\"")?;
    // Where the quote ends a text, no word follows it.
    let is_word = word.first().is_none_or(u8::is_ascii_lowercase);
    (is_word || sign == Sign::Json).then_some((sign, backslashes > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_told_from_those_in_quotes() {
        let marks = |text, json, quoted| Marks { text, json, quoted, watch: false };
        for (line, expected) in [
            ("f memprobe=\"exit\" uptime_us=1", marks(true, false, false)),
            ("f, memprobe: \"exit\", uptime_us: 1", marks(true, false, false)),
            ("{\"memprobe\":\"exit\",\"uptime_us\":1}", marks(false, true, false)),
            ("{\"memprobe\" : \"exit\",\"uptime_us\":1}", marks(false, true, false)),
            ("{\"a\":\"f memprobe=\\\"exit\\\" uptime_us=1\"}", marks(false, false, true)),
            ("{\"a\":\"f memprobe=\\\"exit\\\"\"}", marks(false, false, false)),
            ("\\\"memprobe\\\":\\\"exit\\\",uptime_us", marks(false, false, true)),
            ("\\\\\\\"memprobe\\\\\\\":\\\\\\\"exit uptime_us", marks(false, false, true)),
            ("{\"a\":\"x memprobe=\",\"b\":1}", marks(false, false, false)),
            ("\"target\":\"memprobe::app\"", marks(false, false, false)),
            ("memprobe: peak memprobe=3", marks(false, false, false)),
        ] {
            assert_eq!(Marks::of(line), expected, "{line}");
        }
        assert!(Marks::of("x memprobe: threshold=95% at=").watch);
    }
}
