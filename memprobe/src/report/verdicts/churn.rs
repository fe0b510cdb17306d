//! The function that allocates far more than it needs.

use std::fmt;

use crate::format::units::HumanBytes;
use crate::report::Report;
use crate::report::verdicts::{Path, names};

/// The function that itself, without nested annotated calls, has allocated the most beyond
/// what its calls needed, and at least 4 times that.
///
/// What calls needed is the sum of their peaks, and 64 KiB for each, as peaks may be that much
/// under where blocks are small. So only calls that allocate much can churn.
///
/// `Display` says it in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Churn {
    /// From a root of the call tree to the function, where it allocates the most.
    pub path: Vec<&'static str>,
    /// Bytes allocated by the function itself.
    pub allocated: u64,
    /// What its calls needed, bytes.
    pub needed: u64,
}

/// How far beyond the need churn begins.
const CHURN: u64 = 4;
/// How far a peak may be under.
const PEAK_ERROR: u64 = 64 << 10;

impl Report {
    pub(super) fn churn(&self) -> Option<Churn> {
        let (function, allocated, needed) = self
            .with_figures()
            .map(|(function, figures)| {
                let calls = function.outcomes.calls();
                let needed = function.peaks.sum().saturating_add(PEAK_ERROR.saturating_mul(calls));
                (function, figures.self_allocated, needed)
            })
            .filter(|&(_, allocated, needed)| allocated / CHURN >= needed.max(1))
            .rev()
            .max_by_key(|&(_, allocated, needed)| allocated - needed)?;
        let path = self.context_of(function.name, |figures| figures.self_allocated);
        Some(Churn { path: names(&path, function.name), allocated, needed })
    }
}

impl Churn {
    /// How many times the need was allocated.
    pub fn ratio(&self) -> u64 {
        self.allocated / self.needed.max(1)
    }
}

impl fmt::Display for Churn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Churn { path, allocated, needed } = self;
        let (allocated, needed) = (HumanBytes(*allocated), HumanBytes(*needed));
        write!(f, "{} allocated {allocated}, {} × the {needed} it needed", Path(path), self.ratio())
    }
}

#[cfg(all(test, feature = "enabled"))]
mod tests {
    use crate::report::sample_reports::{KIB, MIB, calls, report};

    #[test]
    fn who_allocates_far_beyond_its_need_churns_and_its_callers_do_not() {
        let churner = calls("churner", 10, 100 * MIB, MIB, 0);
        let grower = calls("grower", 10, 2 * MIB, MIB, 0);
        let small = calls("small", 10, 255 * KIB, 0, 0);
        let root = calls("root", 10, 0, 2 * MIB, 0).with(vec![churner, grower, small]);
        let report = report(&[root]);
        let verdicts = report.verdicts();
        let churn = verdicts.churn.found().expect("some");
        assert_eq!(churn.path, ["root", "churner"]);
        assert_eq!(churn.allocated, 1000 * MIB);
        assert!((80..110).contains(&churn.ratio()), "{churn}");
    }
}
