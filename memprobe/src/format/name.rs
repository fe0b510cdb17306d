//! Shortens names and labels to the room that a line or a table has for them.

use std::fmt;

/// Shortens a function's path to its last part, with the type in front for a method.
pub fn short(path: &str) -> Short<'_> {
    Short(path)
}

/// A path that `Display` shortens.
pub struct Short<'a>(&'a str);

impl Short<'_> {
    pub(crate) fn write(&self, out: &mut impl fmt::Write) -> fmt::Result {
        const MOST: usize = 28;
        let (path, name) = last_part(self.0);
        let of = path.map(|path| last_part(path).1).filter(|of| {
            let is_type = of.trim_start_matches('<').starts_with(|c: char| c.is_uppercase());
            is_type && of.len() + name.len() + 2 <= MOST
        });
        if let Some(of) = of {
            out.write_str(of.trim_matches(['<', '>']))?;
            out.write_str("::")?;
        }
        let end = match name.len() {
            0..=MOST => name.len(),
            _ => name.char_indices().nth(MOST).map_or(name.len(), |(end, _)| end),
        };
        out.write_str(&name[..end])
    }
}

/// Splits a path at its last `::` and returns the parts before and after it.
fn last_part(path: &str) -> (Option<&str>, &str) {
    // Byte by byte from the end: a search for `::` has a set-up cost that suits longer texts.
    let bytes = path.as_bytes();
    let mut at = bytes.len();
    while at >= 2 {
        if bytes[at - 1] == b':' && bytes[at - 2] == b':' {
            return (Some(&path[..at - 2]), &path[at..]);
        }
        at -= 1;
    }
    (None, path)
}

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)
    }
}

/// Cuts a longer text to `most` characters and keeps its end, which identifies a path best.
pub(crate) fn keep_end(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    text.chars().skip(count + 2 - most).fold("..".to_owned(), |mut kept, char| {
        kept.push(char);
        kept
    })
}

/// Cuts a longer text to `most` characters and keeps its start.
pub fn keep_start(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 2).chain("..".chars()).collect()
}

/// Breaks a text at spaces into lines of at most `most` characters; of a longer word its end stays.
pub(crate) fn wrapped(text: &str, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let word = keep_end(word, most);
        match lines.last_mut() {
            Some(line) if line.is_empty() => *line = word,
            Some(line) if line.chars().count() + 1 + word.chars().count() <= most => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_cut_where_it_tells_least() {
        assert_eq!(keep_end("app::load", 9), "app::load");
        assert_eq!(keep_end("app::load", 8), "..::load");
        assert_eq!(keep_start("größer", 6), "größer");
        assert_eq!(keep_start("größer!", 6), "größ..");
        assert_eq!(wrapped("a longer line", 8), ["a longer", "line"]);
        assert_eq!(wrapped("a longer-than-that", 8), ["a", "..n-that"]);
        assert_eq!(short("app::Store::put").to_string(), "Store::put");
        assert_eq!(short("app::store::put").to_string(), "put");
    }
}
