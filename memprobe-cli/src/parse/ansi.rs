//! Takes the colours out of a line.

use std::borrow::Cow;

/// Returns the text without escape sequences of terminals.
pub fn strip(text: &str) -> Cow<'_, str> {
    const ESCAPE: char = '\u{1b}';
    // Faster than `str::contains`.
    if memchr::memchr(ESCAPE as u8, text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut stripped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(ESCAPE) {
        stripped.push_str(before);
        rest = match after.strip_prefix('[') {
            // Parameters, then one letter.
            Some(sequence) => {
                let end = sequence.find(|char: char| ('@'..='~').contains(&char));
                end.map_or("", |end| &sequence[end + 1..])
            }
            None => after,
        };
    }
    stripped.push_str(rest);
    Cow::Owned(stripped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_colours_is_taken_out() {
        assert_eq!(strip("plain"), "plain");
        assert_eq!(
            strip("\u{1b}[2m2026\u{1b}[0m \u{1b}[32m INFO\u{1b}[0m x=[1]"),
            "2026  INFO x=[1]"
        );
        assert_eq!(strip("cut \u{1b}[3"), "cut ");
        assert_eq!(strip("cut \u{1b}"), "cut ");
        assert_eq!(strip("\u{1b}[38;5;10mgreen"), "green");
    }
}
