//! Growth by ownership: the owner of live memory whose finished calls own more and more.

use std::cmp::Reverse;

use crate::report::verdicts::Verdict;
use crate::report::verdicts::growing::{Growth, Owned};
use crate::report::{Live, Owner, Report, Rise, Steady};

/// A rise of fewer standard errors may be chance: of 10,000 owners that stand still, 1 has it.
const ERRORS: u64 = 4;
/// A rise of fewer bytes needs no explanation.
const LITTLE: i64 = 1 << 20;

impl Report {
    /// Judges growth by what finished calls own.
    pub(super) fn growing_by_owner(&self, live: &Live) -> Verdict<Growth> {
        if live.owners.iter().all(|owner| owner.rise.is_none()) {
            return Verdict::Unknown(
                "too short a time: a leak cannot be told from a cache that fills",
            );
        }
        let rising = live.owners.iter().filter_map(|owner| Some((owner, owner.rise?)));
        let rising = rising.filter(|(_, rise)| rise.is_growth());
        match rising.min_by_key(|(_, rise)| Reverse(rise.per_second)) {
            Some((owner, rise)) => Verdict::Found(self.growth_of(owner, rise)),
            None => Verdict::Nothing,
        }
    }

    fn growth_of(&self, owner: &Owner, rise: Rise) -> Growth {
        Growth {
            path: owner.path.clone(),
            steady: Steady { calls: rise.calls.unwrap_or(0), net: rise.bytes },
            growth_per_second: Some(rise.per_second),
            time_to_limit: self.time_to_limit(rise.per_second),
            owned: Some(Owned { kind: owner.kind, after: owner.after, rise }),
        }
    }
}

impl Growth {
    /// Returns the owner that grows, if growth was judged by ownership.
    pub(crate) fn owner<'a>(&self, live: &'a Live) -> Option<&'a Owner> {
        let owned = self.owned?;
        let is_it = |owner: &&Owner| {
            (owner.kind, owner.after, &owner.path) == (owned.kind, owned.after, &self.path)
        };
        live.owners.iter().find(is_it)
    }
}

impl Rise {
    /// Whether it is more than chance, and goes on: a cache that has filled no longer rises in the
    /// last quarter of the time.
    fn is_growth(self) -> bool {
        let sure = self.error.saturating_mul(ERRORS);
        self.bytes >= LITTLE
            && self.bytes.unsigned_abs() > sure
            && self.per_second > 0
            && self.recent_per_second >= self.per_second / 2
    }
}

#[cfg(all(test, feature = "enabled"))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::report::{Estimate, OwnerKind};
    use crate::values::process::{Limit, LimitSource};

    const MIB: i64 = 1 << 20;

    fn rise(bytes: i64, error: i64, per_second: i64, recent_per_second: i64) -> Rise {
        Rise {
            time: Duration::from_secs(10),
            owned: Estimate { bytes: 62 << 20, error: 5 << 20, samples: 124 },
            bytes,
            error: error as u64,
            calls: Some(640),
            per_second,
            recent_per_second,
        }
    }

    fn owner(kind: OwnerKind, path: &[&'static str], rise: Option<Rise>) -> Owner {
        Owner {
            kind,
            path: path.to_vec(),
            after: (kind == OwnerKind::Call).then_some("parsed"),
            live: Estimate::default(),
            running: Estimate::default(),
            finished: Estimate::default(),
            oldest: None,
            median: None,
            rise,
            history: Vec::new(),
            stacks: Vec::new(),
        }
    }

    fn growing(owners: Vec<Owner>) -> Verdict<Growth> {
        let mut report = Report::default();
        report.process.rss = Some(100 << 20);
        report.process.limit = Some(Limit { bytes: 220 << 20, source: LimitSource::Lambda });
        report.growing_by_owner(&Live { owners, ..Live::default() })
    }

    #[test]
    fn the_owner_that_rises_fastest_is_named_with_its_rate_and_the_time_to_the_limit() {
        let slow = owner(OwnerKind::Call, &["a"], Some(rise(10 * MIB, MIB, MIB, MIB)));
        let fast = rise(20 * MIB, 3 * MIB, 2 * MIB, 2 * MIB);
        let fast = owner(OwnerKind::Call, &["handler", "remember"], Some(fast));
        let Verdict::Found(found) = growing(vec![slow, fast]) else { panic!("it grows") };
        assert_eq!(
            found.to_string(),
            "handler › remember after 'parsed' keeps +32 KiB a call, 2.0 MiB a second, to the limit \
             in 60 s; owns 62.0 MiB ± 5.0 MiB"
        );
        let outside = rise(20 * MIB, 3 * MIB, 2 * MIB, 2 * MIB);
        let outside = owner(OwnerKind::NotAnnotated, &[], Some(Rise { calls: None, ..outside }));
        let Verdict::Found(found) = growing(vec![outside]) else { panic!("it grows") };
        assert_eq!(
            found.to_string(),
            "code outside annotated calls keeps 2.0 MiB more a second, to the limit in 60 s; owns \
             62.0 MiB ± 5.0 MiB"
        );
    }

    #[test]
    fn what_stands_still_or_may_be_chance_does_not_grow() {
        let filled = rise(20 * MIB, MIB, 2 * MIB, 0);
        let slower_and_slower = rise(20 * MIB, MIB, 2 * MIB, MIB - 1);
        let chance = rise(20 * MIB, 5 * MIB, 2 * MIB, 2 * MIB);
        let little = rise(MIB - 1, 0, 2 * MIB, 2 * MIB);
        let falls = rise(-20 * MIB, MIB, -2 * MIB, -2 * MIB);
        for rise in [filled, slower_and_slower, chance, little, falls] {
            let found = growing(vec![owner(OwnerKind::Call, &["a"], Some(rise))]);
            assert_eq!(found, Verdict::Nothing, "{rise:?}");
        }
        let found = growing(vec![owner(OwnerKind::Call, &["a"], None)]);
        assert!(matches!(found, Verdict::Unknown(why) if why.contains("too short")));
    }
}
