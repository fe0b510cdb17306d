//! Names of functions and labels, each kept once for the life of the program: a report has them as
//! `&'static str`.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

use foldhash::{HashSet, HashSetExt as _};

/// Most names that are kept, and most bytes of one.
const MOST: usize = 50_000;
const LONGEST: usize = 1024;

/// Stands for the names that there was no room for.
pub const OTHERS: &str = "(other names)";

static NAMES: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);

/// Returns the kept name that equals `name`. After 50,000 names it is [`OTHERS`] for new ones, so
/// that a log with names that never repeat cannot fill the memory. A name longer than 1 KiB is cut,
/// and is kept [`printable`].
pub fn intern(name: &str) -> &'static str {
    let name = cut(name, LONGEST);
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    let names = names.get_or_insert_with(HashSet::new);
    if let Some(known) = names.get(name) {
        return known;
    }
    let name = &*printable(name);
    if let Some(known) = names.get(name) {
        return known;
    }
    if names.len() >= MOST {
        return OTHERS;
    }
    let name: &'static str = Box::leak(name.into());
    names.insert(name);
    name
}

/// Returns the start of a text, of so many bytes at most.
pub fn cut(text: &str, most: usize) -> &str {
    let end = (0..=text.len().min(most)).rev().find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or(0)]
}

/// Returns a text that no terminal takes for a command: whoever writes to a log must not write to the
/// screen of who reads it.
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_control) {
        text.replace(char::is_control, "·").into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once_and_cut_at_a_character() {
        assert!(std::ptr::eq(intern("app::load"), intern("app::load")));
        let long = "ß".repeat(LONGEST);
        assert_eq!(intern(&long).len(), LONGEST);
        assert_eq!(intern(&long[..2 * 512 + 2]).chars().count(), 512);
    }

    #[test]
    fn a_name_is_no_command_to_a_terminal() {
        assert_eq!(intern("a\u{1b}[2J\n\u{9b}1mß"), "a·[2J··1mß");
        assert_eq!(intern("a::<ß>"), "a::<ß>");
    }
}
