//! The label values of functions and segments, of which there are at most as many as the collector
//! allows.

use std::collections::HashMap;
use std::sync::Arc;

use metrics::{Label, SharedString};

use crate::runtime::stats::lifetime::Key;

/// What a collector allows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub functions: usize,
    pub segments: usize,
    /// Values of a histogram in one collection.
    pub values: usize,
}

/// The name of all that has no series of its own.
const OTHER: &str = "(other)";

/// What the labels `function` and `segment` are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Series {
    pub function: &'static str,
    pub segment: Option<Arc<str>>,
}

impl Series {
    pub fn labels(&self) -> Vec<Label> {
        let mut labels = vec![Label::from_static_parts("function", self.function)];
        let segment = self.segment.as_ref();
        labels.extend(segment.map(|name| Label::new("segment", SharedString::from(name.clone()))));
        labels
    }
}

/// Which series a function or segment counts for. What it is given first it keeps: a counter that
/// moved from one series to another would be counted twice.
#[derive(Default)]
pub(super) struct AllSeries {
    of: HashMap<Key, Series>,
    functions: usize,
    segments: usize,
}

impl AllSeries {
    /// Returns the series of `key`, which gets one of its own if the bounds have room.
    pub fn of(&mut self, key: Key, bounds: Bounds) -> Series {
        if let Some(series) = self.of.get(&key) {
            return series.clone();
        }
        let series = match key.segment {
            None => {
                let is_own = self.functions < bounds.functions;
                self.functions += usize::from(is_own);
                Series { function: if is_own { key.function } else { OTHER }, segment: None }
            }
            Some((from, label)) => {
                let calls = self.of(Key { segment: None, ..key }, bounds);
                let is_own = self.segments < bounds.segments && calls.function != OTHER;
                self.segments += usize::from(is_own);
                let name = if is_own { format!("{from} -> {label}") } else { OTHER.to_owned() };
                Series { segment: Some(name.into()), ..calls }
            }
        };
        self.of.entry(key).or_insert(series).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(all: &mut AllSeries, function: &'static str, label: Option<&'static str>) -> String {
        let key = Key { function, segment: label.map(|label| ("entry", label)) };
        let series = all.of(key, Bounds { functions: 2, segments: 2, values: 1 });
        format!("{} {}", series.function, series.segment.as_deref().unwrap_or(""))
    }

    #[test]
    fn what_comes_too_late_is_other_and_stays_so() {
        let mut all = AllSeries::default();
        assert_eq!(named(&mut all, "a", None), "a ");
        assert_eq!(named(&mut all, "b", Some("x")), "b entry -> x");
        assert_eq!(named(&mut all, "c", None), "(other) ", "the third function");
        assert_eq!(named(&mut all, "c", Some("x")), "(other) (other)");
        assert_eq!(named(&mut all, "a", Some("x")), "a entry -> x", "the second segment");
        assert_eq!(named(&mut all, "a", Some("y")), "a (other)", "the third");
        let wider = Bounds { functions: 9, segments: 9, values: 1 };
        let wider = all.of(Key { function: "c", segment: None }, wider);
        assert_eq!(wider.function, "(other)", "also for a collector that allows more");
    }
}
