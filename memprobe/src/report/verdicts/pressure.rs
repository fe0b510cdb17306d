//! Pressure: the function whose calls may need the most memory together.

use std::fmt;

use crate::format::name::short;
use crate::format::units::HumanBytes;
use crate::report::verdicts::names;
use crate::report::{Figures, NodeSegment, Report};

/// The function with the highest product of its peak and its maximum concurrency: what its calls
/// would need together if all of them reached that peak at the same time.
///
/// # The rule
///
/// 1. The function is the one with the highest `peak × max_concurrent`, of those with `peak > 0`.
///    A concurrency that is not known counts as 1. Of equal products the one with the higher
///    peak wins.
/// 2. The path leads to the calling context in which the function has its highest peak.
/// 3. From there the path goes on to the nested call with the highest peak, as long as
///    `peak of the nested call ≥ peak of its caller / 2`.
/// 4. Where the last call on the path has probes, the segment is the one that reached the highest
///    level; of equal levels the one with the higher peak.
///
/// For example, `export` peaks at 64 MiB and never ran twice at once, and `visit` peaks at 1 MiB
/// with 100 calls at once: 64 MiB × 1 is less than 1 MiB × 100, so the verdict names `visit`. If
/// `visit` calls `parse`, which peaks at 700 KiB, the path goes on to `parse`, because 700 KiB is
/// at least half of 1 MiB.
///
/// `Display` prints a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pressure {
    /// Name of the function.
    pub function: &'static str,
    /// Names from a root of the call tree to the function, and on to the nested call that has
    /// most of the peak: steps 2 and 3 of the rule.
    pub path: Vec<&'static str>,
    /// Highest peak of a single call, in bytes.
    pub peak: u64,
    /// Most calls that ran at once; `None` where it is not known, and then `bytes` is the peak.
    pub max_concurrent: Option<u64>,
    /// Whether `max_concurrent` is exact, and not a lower bound:
    /// [`Function::max_concurrent_exact`].
    ///
    /// [`Function::max_concurrent_exact`]: crate::report::Function::max_concurrent_exact
    pub max_concurrent_exact: bool,
    /// `peak × max_concurrent`, in bytes.
    pub bytes: u64,
    /// The segment that reached the peak in the last call on the path, by the labels at its
    /// ends; `None` where that call has no probes.
    pub segment: Option<(&'static str, &'static str)>,
}

impl Report {
    pub(super) fn pressure(&self) -> Option<Pressure> {
        let (function, peak, bytes) = self
            .with_figures()
            .map(|(function, figures)| {
                (function, figures.peak, function.pressure().unwrap_or(figures.peak))
            })
            .filter(|&(_, peak, _)| peak > 0)
            // `max_by_key` takes the last of equal ones; the first has the higher peak.
            .rev()
            .max_by_key(|&(_, _, bytes)| bytes)?;
        let mut path = self.context_of(function.name, |figures| figures.peak);
        while let Some(inner) = path.last().and_then(|node| {
            let most = |figures: Option<Figures>| figures.map_or(0, |figures| figures.peak);
            let inner = node.children.iter().max_by_key(|child| most(child.figures))?;
            (most(inner.figures) >= most(node.figures) / 2).then_some(inner)
        }) {
            path.push(inner);
        }
        let segment = path.last().filter(|node| node.segments.len() > 1).and_then(|node| {
            let segments = node.segments.iter();
            // Of segments at the same level, the one that rose to it has the higher peak.
            let height =
                |segment: &&NodeSegment| segment.figures.map(|all| (all.high_water, all.peak));
            let highest = segments.max_by_key(height)?;
            Some((highest.from, highest.label))
        });
        Some(Pressure {
            function: function.name,
            path: names(&path, function.name),
            peak,
            max_concurrent: function.max_concurrent,
            max_concurrent_exact: function.max_concurrent_exact,
            bytes,
            segment,
        })
    }
}

impl fmt::Display for Pressure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} peaks at {}", short(self.function), HumanBytes(self.peak))?;
        if let Some(calls) = self.max_concurrent.filter(|&calls| calls > 1) {
            let least = if self.max_concurrent_exact { "" } else { "at least " };
            write!(f, " × {least}{calls} at once = {}", HumanBytes(self.bytes))?;
        }
        match (self.path.last(), self.segment) {
            (Some(&inner), _) if inner != self.function => {
                write!(f, ", most of it in {}", short(inner))
            }
            (_, Some((from, label))) => write!(f, ", in {from} -> {label}"),
            _ => Ok(()),
        }
    }
}

#[cfg(all(test, feature = "enabled"))]
mod tests {
    use crate::report::sample_reports::{MIB, calls, report};

    #[test]
    fn a_crowd_of_small_calls_presses_more_than_one_large() {
        let large = calls("large", 10, MIB, 64 * MIB, 0);
        let crowd = calls("crowd", 100, MIB, MIB, 0);
        let report = report(&[large, crowd]).at_once("crowd", 100);
        let verdicts = report.verdicts();
        let pressure = verdicts.pressure.found().expect("some");
        assert_eq!(pressure.function, "crowd");
        assert_eq!((pressure.peak, pressure.max_concurrent), (MIB, Some(100)));
        assert_eq!(pressure.bytes, 100 * MIB);
    }

    #[test]
    fn the_path_of_a_peak_ends_where_most_of_it_is() {
        let inner = calls("inner", 10, MIB, 50 * MIB, 0);
        let small = calls("small", 10, MIB, 9 * MIB, 0);
        let outer = calls("outer", 10, MIB, 60 * MIB, 0);
        let root = calls("root", 10, MIB, 100 * MIB, 0);
        let report =
            report(&[root.with(vec![small, outer.with(vec![calls("x", 1, 1, 1, 0), inner])])]);
        let verdicts = report.verdicts();
        let pressure = verdicts.pressure.found().expect("some");
        assert_eq!(pressure.path, ["root", "outer", "inner"]);
        assert_eq!(pressure.function, "root");
        assert_eq!(pressure.to_string(), "root peaks at 100.0 MiB, most of it in inner");
    }
}
