//! What is shown of a model.

pub mod changes;
pub mod end;
pub mod json;
pub mod markdown;
pub mod text;
pub mod trace;
pub mod waterfall;

use std::collections::{HashMap, HashSet};

use memprobe::__builder::{HumanCount, short};

use crate::input::Source;
use crate::model::Place;

/// Most rows of a list.
const LISTED: usize = 20;

/// Writes how many there are of something.
fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", HumanCount(count), if count == 1 { one } else { many })
}

/// Writes where a line stands: `app.log:1234`.
fn place(place: Place, sources: &[Source]) -> String {
    let name = sources.get(place.source).map_or(String::new(), Source::name);
    format!("{name}:{}", place.line)
}

/// Names of functions for people: without the path where that is enough to tell them apart.
pub struct Names(HashSet<String>);

impl Names {
    /// Returns the names of all functions that are shown together.
    pub fn of<'n>(functions: impl IntoIterator<Item = &'n str>) -> Names {
        let mut by_short: HashMap<String, HashSet<&str>> = HashMap::new();
        for function in functions {
            by_short.entry(short(function).to_string()).or_default().insert(function);
        }
        let several = by_short.into_iter().filter(|(_, functions)| functions.len() > 1);
        Names(several.map(|(short, _)| short).collect())
    }

    pub fn show(&self, function: &str) -> String {
        let short = short(function).to_string();
        if self.0.contains(&short) { function.to_owned() } else { short }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_one_name_are_told_apart() {
        let names = Names::of(["a::handler", "b::handler", "a::parse", "a::parse"]);
        let shown = ["a::handler", "b::handler", "a::parse"].map(|name| names.show(name));
        assert_eq!(shown, ["a::handler", "b::handler", "parse"]);
    }
}
