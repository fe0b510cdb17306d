//! The verdicts of a report: which function needs the most memory, which call keeps more and
//! more, and which function allocates far more than it needs.
//!
//! Each verdict has a file with its type, its rule and its sentence. What they share is here.

mod churn;
mod growing;
mod owned;
mod pressure;
mod slope;

pub use churn::Churn;
pub use growing::{Growth, Owned};
pub use pressure::Pressure;

use std::fmt;

use crate::format::name::short;
use crate::report::{Figures, Function, Node, Report, walk};

const NO_CALL_ENDED: &str = if cfg!(feature = "enabled") {
    "no call has ended yet: `memprobe::in_flight()` has those that run"
} else {
    "no call ended: what is known of them stands with the calls that never ended"
};

/// What a report concludes from its figures: [`Report::verdicts`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdicts {
    /// The function whose calls may need the most memory together.
    pub pressure: Verdict<Pressure>,
    /// The call that keeps more and more memory.
    pub growing: Verdict<Growth>,
    /// The function that allocates far more than it needs.
    pub churn: Verdict<Churn>,
}

/// The outcome of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict<T> {
    /// The rule found a function or a call.
    Found(T),
    /// There are enough figures, and no function or call meets the rule.
    Nothing,
    /// Each of these may be the one, and the figures do not tell which.
    Undecided(Vec<T>),
    /// The figures do not suffice to decide; the text says why.
    Unknown(&'static str),
}

impl<T> Verdict<T> {
    /// Returns what the rule found, or `None` for [`Nothing`](Verdict::Nothing),
    /// [`Undecided`](Verdict::Undecided) and [`Unknown`](Verdict::Unknown).
    pub fn found(&self) -> Option<&T> {
        match self {
            Verdict::Found(found) => Some(found),
            Verdict::Nothing | Verdict::Undecided(_) | Verdict::Unknown(_) => None,
        }
    }
}

impl Report {
    /// Returns the three verdicts on the figures of this report.
    ///
    /// # Examples
    ///
    /// ```
    /// let verdicts = memprobe::report().verdicts();
    /// if let Some(growing) = verdicts.growing.found() {
    ///     println!("{growing}");
    /// }
    /// ```
    pub fn verdicts(&self) -> Verdicts {
        if let Some(why) = self.why_empty() {
            return Verdicts {
                pressure: Verdict::Unknown(why),
                growing: Verdict::Unknown(why),
                churn: Verdict::Unknown(why),
            };
        }
        Verdicts {
            pressure: self.judged(self.pressure()),
            growing: self.growing(),
            churn: self.judged(self.churn()),
        }
    }

    /// Returns the verdict of a rule that judges calls that have ended.
    fn judged<T>(&self, found: Option<T>) -> Verdict<T> {
        match found {
            Some(found) => Verdict::Found(found),
            None if self.with_figures().next().is_some() => Verdict::Nothing,
            None => Verdict::Unknown(NO_CALL_ENDED),
        }
    }

    /// Returns the functions of which a call has ended, with the figures of these calls.
    fn with_figures(&self) -> impl DoubleEndedIterator<Item = (&Function, &Figures)> {
        self.functions.iter().filter_map(|function| Some((function, function.of_ended_calls()?)))
    }

    /// Returns the path to the node of `function` that has the highest `figure`.
    fn context_of(&self, function: &str, figure: fn(&Figures) -> u64) -> Vec<&Node> {
        let (mut highest, mut context) = (None, Vec::new());
        walk(&self.tree, |path| {
            let Some(node) = path.last().filter(|node| node.function == function) else { return };
            let figure = Some(node.figures.as_ref().map_or(0, figure));
            if figure > highest {
                (highest, context) = (figure, path.to_vec());
            }
        });
        context
    }
}

/// Returns the names on a path, or that of the function alone where the tree had no room for
/// its node and the path is empty.
fn names(path: &[&Node], function: &'static str) -> Vec<&'static str> {
    match path {
        [] => vec![function],
        path => path.iter().map(|node| node.function).collect(),
    }
}

/// Prints names from caller to callee, without the middle of a long path.
pub(crate) struct Path<'a>(pub &'a [&'static str]);

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => Ok(()),
            [only] => write!(f, "{}", short(only)),
            [caller, last] => write!(f, "{} › {}", short(caller), short(last)),
            [first, .., last] => write!(f, "{} › .. › {}", short(first), short(last)),
        }
    }
}

#[cfg(all(test, feature = "enabled"))]
mod tests {
    use super::*;
    use crate::report::sample_reports::hot_spots;

    #[test]
    fn without_figures_nothing_is_judged() {
        let mut report = hot_spots();
        for function in &mut report.functions {
            function.figures = None;
        }
        let verdicts = report.verdicts();
        let Verdict::Unknown(why) = verdicts.pressure else { panic!("{verdicts:?}") };
        assert!(why.contains("memprobe::global_allocator!()"), "{why}");
        assert!(matches!(Report::default().verdicts().growing, Verdict::Unknown(_)));
    }

    #[test]
    fn the_hot_spots_are_judged_right() {
        let verdicts = hot_spots().verdicts();
        let sentence = |found: Option<String>| found.expect("found");
        let pressure = verdicts.pressure.found();
        assert_eq!(
            sentence(pressure.map(ToString::to_string)),
            "crowd peaks at 1.0 MiB × 100 at once = 100.0 MiB"
        );
        let growing = sentence(verdicts.growing.found().map(ToString::to_string));
        assert!(
            growing.starts_with("handler › Cache::remember keeps +64 KiB a call; "),
            "{growing}"
        );
        let churn = sentence(verdicts.churn.found().map(ToString::to_string));
        assert!(churn.starts_with("handler › parse allocated 9.77 GiB, "), "{churn}");
    }
}
