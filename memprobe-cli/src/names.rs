//! Names of functions and labels, each kept once for the life of the program: a report has them as
//! `&'static str`.

use std::sync::{Mutex, PoisonError};

use foldhash::{HashSet, HashSetExt as _};

/// Most names that are kept, and most bytes of one.
const MOST: usize = 50_000;
const LONGEST: usize = 1024;

/// Stands for the names that there was no room for.
pub const OTHERS: &str = "(other names)";

static NAMES: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);

/// Returns the kept name that equals `name`. After 50,000 names it is [`OTHERS`] for new ones, so
/// that a log with names that never repeat cannot fill the memory. A name longer than 1 KiB is cut.
pub fn intern(name: &str) -> &'static str {
    let end = (0..=name.len().min(LONGEST)).rev().find(|&end| name.is_char_boundary(end));
    let name = &name[..end.unwrap_or(0)];
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    let names = names.get_or_insert_with(HashSet::new);
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
}
