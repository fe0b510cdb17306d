//! Churn: the function that allocates far more than its calls need.

use std::fmt;

use crate::format::units::HumanBytes;
use crate::report::Report;
use crate::report::verdicts::{Path, names};

/// The function that allocated the most beyond what its calls needed, and at least 4 times what
/// they needed. What nested annotated calls allocated is not counted.
///
/// # The rule
///
/// 1. Functions of which no call has ended are passed over.
/// 2. `needed = sum of the peaks of all calls + 64 KiB × calls`. A peak may be up to 64 KiB below
///    the true one, so only calls that allocate much can churn.
/// 3. Of the functions with `allocated / 4 ≥ needed`, the verdict names the one with the highest
///    `allocated − needed`.
///
/// For example, 100 calls of `parse` allocated 10 GiB and peaked at 1 MiB each. They needed
/// 100 × (1 MiB + 64 KiB) = 106 MiB, and 10 GiB is more than 4 times that.
///
/// `Display` prints a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Churn {
    /// Names from a root of the call tree to the function, in the calling context in which it
    /// allocated the most.
    pub path: Vec<&'static str>,
    /// Bytes allocated by the function itself, without nested annotated calls.
    pub allocated: u64,
    /// What its calls needed, in bytes: step 2 of the rule.
    pub needed: u64,
}

/// A function churns if it allocated at least this many times what it needed.
const CHURN: u64 = 4;
/// A peak may be this many bytes below the true one.
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
    /// Returns `allocated / needed`, rounded down.
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
    use crate::report::{Distribution, Outcomes};

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

    #[test]
    fn a_call_that_still_runs_does_not_churn() {
        let mut report = report(&[calls("runs", 1, 100 * MIB, MIB, 0)]);
        assert!(report.verdicts().churn.found().is_some(), "once it has ended");
        let runs = &mut report.functions[0];
        (runs.outcomes, runs.peaks) = (Outcomes::default(), Distribution::default());
        assert_eq!(report.verdicts().churn.found(), None);
    }
}
