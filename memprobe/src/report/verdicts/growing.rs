//! Growth: the call that keeps more and more memory, also after caches have filled.
//!
//! With samples of the live memory it is judged by who owns it (`owned.rs`). Without, by what calls
//! kept, of which some may have been freed elsewhere:
//!
//! 1. Roots of the call tree whose latter calls kept memory are candidates, if the process has
//!    grown by as much.
//! 2. Where there are several, and together they kept more than the process has grown by, it is
//!    not decided.
//! 3. From there the search goes down to the nested call that keeps the memory.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use crate::format::units::{HumanBytes, HumanDuration, SignedBytes};
use crate::report::verdicts::slope::{Slope, slope, slope_at};
use crate::report::verdicts::{Path, Verdict, names};
use crate::report::{Node, OwnerKind, Report, Rise, Sample, Steady};

/// A call that keeps memory each time it runs, also after caches have filled.
///
/// # The rule by ownership
///
/// With [`Report::live`] the verdict is the owner with the highest
/// [`per_second`](Rise::per_second) of those whose finished calls own more and more: in the latter
/// half of the time the memory has risen by at least 1 MiB and more than 4 standard errors, and in
/// the last quarter it still rises at least half as fast. A cache that fills and then stands still
/// is not named; while it fills at a steady pace, it looks like a leak.
///
/// # The rule by nets
///
/// Without samples only the nets of calls are known. A *root* is a function as called by no
/// annotated function. `net` and `calls` are those of [`Figures::steady`]: what the latter part of
/// its calls kept, nested calls included.
///
/// 1. A root is judged from `calls ≥ 4` on. If there is none, the verdict is
///    [`Unknown`](crate::report::Verdict::Unknown).
/// 2. A root is a candidate if `net / calls ≥ 16` bytes, and if the process confirms it:
///    `growth × calls / all calls of the root ≥ net / 2`, where `growth` is that of the process's
///    `allocated` over the timeline, at the points of the root and of its nested calls. Without
///    enough samples the process confirms it if `allocated ≥ net`, or if `allocated` is not known.
/// 3. If there is no candidate, the verdict is [`Nothing`](crate::report::Verdict::Nothing), or
///    `Unknown` if the process has grown by at least 1 MiB and a tenth of its `allocated`.
/// 4. If there are several candidates, they are [`Undecided`](crate::report::Verdict::Undecided)
///    unless all of them together kept at most 5/4 of `growth`: one of them may hand on what it
///    allocates to code that frees it and is not annotated. Without enough samples they are also
///    undecided if other roots freed more than half of what the candidates kept. Otherwise the
///    verdict is the candidate with the highest `net`.
/// 5. From there the path goes on to the nested call with the smallest
///    `distance = |its net − net of its caller|`, as long as
///    `distance ≤ |net of its caller| / 2` and, where there are several nested calls,
///    `distance ≤ second smallest distance / 2` with a second smallest distance above 0.
///    A function whose caller frees its result is thus not named: the caller's net is without it.
///
/// For example, `handler` was called 100 times, and its latter 50 calls kept 3.2 MB, which is
/// 64 kB a call. The process grew by 6 MB: 6 MB × 50 / 100 = 3 MB is at least 1.6 MB, so it
/// confirms `handler`. Of its nested calls `fetch` has a net of 50 MB, `remember` of 3.2 MB and
/// `parse` of 0: the distances are 46.8 MB, 0 and 3.2 MB. The path goes on to `remember`, because
/// 0 is at most 1.6 MB, half of `handler`'s net and half of the second smallest distance.
///
/// [`Figures::steady`]: crate::report::Figures::steady
///
/// `Display` prints a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Growth {
    /// Names from the root of the call tree to the call that keeps the memory; empty for memory
    /// that no call owns.
    pub path: Vec<&'static str>,
    /// What the latter part of the calls kept, for the last call on the path; all of them where
    /// it has fewer than 4 such calls. By ownership it is the rise of what finished calls own, and
    /// the calls that ended meanwhile, 0 if they are not known.
    pub steady: Steady,
    /// How fast the process's `allocated` grew, or by ownership what finished calls own, in bytes
    /// a second; `None` where the timeline has too few samples to tell.
    pub growth_per_second: Option<i64>,
    /// When the process will be at its limit if it goes on like this; `None` without a limit.
    pub time_to_limit: Option<Duration>,
    /// What is owned, if growth was judged by ownership.
    pub owned: Option<Owned>,
}

/// What an owner that grows owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Owned {
    /// What allocated the memory.
    pub kind: OwnerKind,
    /// The label after which calls allocated it; `None` if it was no call.
    pub after: Option<&'static str>,
    /// What its finished calls own, and how that has risen.
    pub rise: Rise,
}

/// With fewer calls in the latter part, a leak cannot be told from a cache that fills.
const ENOUGH_CALLS: u64 = 4;
/// Less than this many bytes a call is no growth: a small block of jemalloc's.
const SMALL_BLOCK: i64 = 16;
/// Growth of the process below which it needs no explanation, in bytes.
const LITTLE: i64 = 1 << 20;

/// A root whose calls kept memory, which the process confirms.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    root: &'a Node,
    steady: Steady,
    slope: Option<Slope>,
}

impl Report {
    pub(super) fn growing(&self) -> Verdict<Growth> {
        match &self.live {
            Some(live) => self.growing_by_owner(live),
            None => self.growing_by_net(),
        }
    }

    fn growing_by_net(&self) -> Verdict<Growth> {
        let roots: Vec<(&Node, Steady)> =
            self.tree.iter().filter_map(|root| Some((root, steady(root)?))).collect();
        if roots.is_empty() {
            return Verdict::Unknown(
                "too few calls: a leak cannot be told from a cache that fills",
            );
        }
        let mut samples: HashMap<&str, Vec<&Sample>> = HashMap::new();
        for sample in &self.timeline {
            samples.entry(sample.function).or_default().push(sample);
        }
        let mut candidates: Vec<Candidate<'_>> = roots
            .iter()
            .filter(|(_, steady)| steady.per_call() >= SMALL_BLOCK)
            .map(|&(root, steady)| Candidate { root, steady, slope: slope_at(root, &samples) })
            .filter(|candidate| self.confirms(candidate))
            .collect();
        candidates.sort_by_key(|candidate| Reverse(candidate.steady.net));
        let Some(&first) = candidates.first() else {
            return if self.grows_all_the_same() {
                Verdict::Unknown("the process grows, and no annotated call was found that keeps it")
            } else {
                Verdict::Nothing
            };
        };
        let others = roots.iter().map(|(_, steady)| steady.net.min(0)).fold(0, i64::saturating_add);
        if is_decided(&candidates, others) {
            Verdict::Found(self.growth(first))
        } else {
            Verdict::Undecided(candidates.into_iter().map(|one| self.growth(one)).collect())
        }
    }

    fn growth(&self, candidate: Candidate<'_>) -> Growth {
        let Candidate { root, slope, .. } = candidate;
        let mut path = vec![root];
        let mut at = root;
        while let Some(inner) = uncancelled(at) {
            path.push(inner);
            at = inner;
        }
        let growth_per_second = slope.map(|slope| slope.per_second);
        Growth {
            path: names(&path, root.function),
            steady: steady_or_all(at),
            growth_per_second,
            time_to_limit: self.time_to_limit(growth_per_second.unwrap_or(0)),
            owned: None,
        }
    }

    /// Returns when the process will be at its limit if it grows by so many bytes a second.
    pub(super) fn time_to_limit(&self, per_second: i64) -> Option<Duration> {
        let room = self.process.limit.as_ref()?.bytes.saturating_sub(self.process.used()?);
        let per_second = u64::try_from(per_second).ok()?;
        Some(Duration::from_secs(room.checked_div(per_second)?))
    }

    /// Whether the process has grown enough to hold what the latter calls of a root kept.
    fn confirms(&self, candidate: &Candidate<'_>) -> bool {
        let Candidate { root, steady, slope } = *candidate;
        match (slope, self.process.heap) {
            (Some(slope), _) => {
                // The share of the growth that falls to these calls.
                let calls = root.outcomes.calls().max(1);
                let grown = i128::from(slope.growth) * i128::from(steady.calls) / i128::from(calls);
                grown >= i128::from(steady.net / 2)
            }
            (None, Some(heap)) => heap.allocated >= steady.net.unsigned_abs(),
            (None, None) => true,
        }
    }

    /// Whether the process has grown by a tenth of what it has allocated, and by 1 MiB.
    fn grows_all_the_same(&self) -> bool {
        let growth = slope(self.timeline.iter().collect()).map_or(0, |slope| slope.growth);
        let allocated = self.process.heap.map_or(0, |heap| heap.allocated);
        growth >= LITTLE && growth.unsigned_abs() >= allocated / 10
    }
}

/// Whether the first of the candidates keeps memory for sure. The latter calls of other roots freed
/// `freed` bytes more than they allocated, a negative number.
fn is_decided(candidates: &[Candidate<'_>], freed: i64) -> bool {
    let kept = candidates.iter().map(|one| one.steady.net).fold(0, i64::saturating_add);
    // What all calls kept, if the earlier ones kept as much as the latter.
    let all = candidates
        .iter()
        .map(|one| i128::from(one.steady.per_call()) * i128::from(one.root.outcomes.calls()));
    let growth = candidates.iter().filter_map(|one| Some(one.slope?.growth)).max();
    match growth {
        Some(growth) => candidates.len() == 1 || all.sum::<i128>() <= i128::from(growth) * 5 / 4,
        None => freed.saturating_neg() <= kept / 2,
    }
}

/// Returns the latter part of a node's calls if there are enough to judge by.
fn steady(node: &Node) -> Option<Steady> {
    node.figures?.steady.filter(|steady| steady.calls >= ENOUGH_CALLS)
}

/// Returns the latter part of a node's calls, or all of them where there are too few.
fn steady_or_all(node: &Node) -> Steady {
    steady(node).unwrap_or_else(|| Steady {
        calls: node.outcomes.calls(),
        net: node.figures.map_or(0, |figures| figures.net()),
    })
}

/// Returns the nested call that keeps what its caller keeps: step 5 of the rule. `None` if the
/// caller itself keeps it, or if two nested calls are about as near.
fn uncancelled(caller: &Node) -> Option<&Node> {
    let growth = steady_or_all(caller).net;
    let mut nested: Vec<(u64, &Node)> = caller
        .children
        .iter()
        .map(|child| (steady_or_all(child).net.abs_diff(growth), child))
        .collect();
    nested.sort_by_key(|&(away, _)| away);
    let (away, nearest) = *nested.first()?;
    let told_apart = nested.get(1).is_none_or(|&(next, _)| next / 2 >= away && next > 0);
    (away <= growth.unsigned_abs() / 2 && told_apart).then_some(nearest)
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per_call = SignedBytes(self.steady.per_call());
        match &self.owned {
            None => {
                write!(f, "{} keeps {per_call} a call", self.name())?;
                match self.growth_per_second {
                    Some(slope) => {
                        let slope = HumanBytes(slope.max(0) as u64);
                        write!(f, "; the process grows by {slope} a second")
                    }
                    None => f.write_str("; no timeline confirms it"),
                }
            }
            Some(owned) => {
                let per_second = HumanBytes(owned.rise.per_second.max(0) as u64);
                write!(f, "{}", self.name())?;
                match self.steady.calls {
                    0 => write!(f, " keeps {per_second} more a second")?,
                    _ => write!(f, " keeps {per_call} a call, {per_second} a second")?,
                }
                if let Some(time) = self.time_to_limit {
                    write!(f, ", to the limit in {}", HumanDuration(time))?;
                }
                write!(f, "; owns {}", owned.rise.owned)
            }
        }
    }
}

impl Growth {
    /// Returns the name of what grows.
    pub(crate) fn name(&self) -> String {
        match &self.owned {
            Some(owned) => owned.name(&self.path),
            None => Path(&self.path).to_string(),
        }
    }
}

impl Owned {
    fn name(&self, path: &[&'static str]) -> String {
        match (self.kind, self.after) {
            (OwnerKind::Call, Some(after)) => format!("{} after '{after}'", Path(path)),
            (OwnerKind::Call, None) => Path(path).to_string(),
            (OwnerKind::NotAnnotated, _) => "code outside annotated calls".to_owned(),
            (OwnerKind::Memprobe, _) => "the subscriber".to_owned(),
        }
    }
}

#[cfg(all(test, feature = "enabled"))]
mod tests {
    use super::*;
    use crate::report::sample_reports::{KIB, MIB, calls, report};

    const KEPT: i64 = 64 << 10;

    fn growing(report: &Report) -> Option<Vec<&'static str>> {
        report.verdicts().growing.found().map(|growing| growing.path.clone())
    }

    #[test]
    fn who_hands_its_result_to_a_caller_that_frees_it_does_not_grow() {
        let returner = || calls("returner", 100, MIB, MIB, MIB as i64);
        let caller = calls("caller", 100, 0, 2 * MIB, 0).with(vec![returner()]);
        assert_eq!(growing(&report(&[caller])), None);

        let leak = calls("leak", 100, 64 * KIB, 64 * KIB, KEPT);
        let caller = calls("caller", 100, 0, 2 * MIB, KEPT).with(vec![returner(), leak]);
        assert_eq!(growing(&report(&[caller])), Some(vec!["caller", "leak"]));

        // Its caller is not annotated: then the process acquits it.
        let many = calls("returner", 1000, MIB, MIB, MIB as i64);
        assert_eq!(growing(&report(&[many])), None, "more than the process has");
        let flat = report(&[returner()]).allocated_from_to(64 * MIB, 64 * MIB);
        assert_eq!(flat.verdicts().growing, Verdict::Nothing, "the process does not grow");
        let other = report(&[returner()]).allocated_from_to(4 * MIB, 12 * MIB);
        let Verdict::Unknown(why) = other.verdicts().growing else { panic!("not by so much") };
        assert!(why.contains("no annotated call"), "{why}");
    }

    #[test]
    fn who_keeps_in_every_call_grows_and_the_process_confirms_it() {
        let keeper = || calls("keeper", 100, 64 * KIB, 64 * KIB, KEPT);
        let alone = report(&[keeper()]);
        let verdicts = alone.verdicts();
        let growing = verdicts.growing.found().expect("grows");
        assert_eq!(growing.steady, Steady { calls: 50, net: 50 * KEPT });
        assert_eq!(growing.growth_per_second, None);
        assert_eq!(growing.to_string(), "keeper keeps +64 KiB a call; no timeline confirms it");

        let seen = report(&[keeper()]).allocated_from_to(MIB, MIB + 6400 * KIB);
        let verdicts = seen.verdicts();
        let growing = verdicts.growing.found().expect("grows");
        let slope = growing.growth_per_second.expect("a timeline");
        assert!(slope.abs_diff(640 * KIB as i64) < 16 * KIB, "640 KiB a second: {slope}");
    }

    #[test]
    fn two_that_cancel_each_other_do_not_grow() {
        let push = calls("push", 100, MIB, MIB, MIB as i64);
        let pop = calls("pop", 100, 0, 0, -(MIB as i64));
        assert_eq!(growing(&report(&[push, pop])), None);
    }

    /// Returns the roots of which each may be the one.
    fn undecided(report: &Report) -> Vec<&'static str> {
        match report.verdicts().growing {
            Verdict::Undecided(candidates) => candidates.iter().map(|one| one.path[0]).collect(),
            other => panic!("decided: {other:?}"),
        }
    }

    #[test]
    fn what_is_freed_for_others_does_not_acquit_a_leak() {
        // A framework allocates the bodies that `upload` frees.
        let upload = || calls("upload", 100, 0, 0, -4 * MIB as i64);
        let leak = || calls("leak", 100, 64 * KIB, 64 * KIB, KEPT);
        let grown = report(&[leak(), upload()]).allocated_from_to(MIB, MIB + 6400 * KIB);
        assert_eq!(growing(&grown), Some(vec!["leak"]));
        let flat = report(&[leak(), upload()]).allocated_from_to(64 * MIB, 64 * MIB);
        assert_eq!(flat.verdicts().growing, Verdict::Nothing, "the process does not grow");
        assert_eq!(undecided(&report(&[leak(), upload()])), ["leak"], "no timeline");
    }

    #[test]
    fn of_several_that_the_process_cannot_all_confirm_none_is_named() {
        // One of them hands its results to code that frees them and is not annotated.
        let grown = |one: i64, other: i64| {
            let calls = |name, kept| calls(name, 100, MIB, MIB, kept);
            let mut report = report(&[calls("one", one), calls("other", other)]);
            report = report.allocated_from_to(MIB, MIB + 6400 * KIB);
            for at in 0..report.timeline.len() {
                let sample = Sample { function: "other", ..report.timeline[at] };
                report.timeline.push(sample);
            }
            report
        };
        assert_eq!(undecided(&grown(KEPT, KEPT * 3 / 2)), ["other", "one"]);
        assert_eq!(growing(&grown(KEPT / 2, KEPT / 2 + 1)), Some(vec!["other"]), "both of them");
        assert_eq!(growing(&grown(KEPT, 4 * KEPT)), Some(vec!["one"]), "the other kept too much");
    }

    #[test]
    fn where_it_cannot_be_told_who_keeps_it_the_caller_is_named() {
        let half = |name| calls(name, 100, MIB, MIB, KEPT / 2);
        let caller = calls("caller", 100, 0, 2 * MIB, KEPT).with(vec![half("one"), half("other")]);
        assert_eq!(growing(&report(&[caller])), Some(vec!["caller"]));

        let same = |name| calls(name, 100, MIB, MIB, KEPT);
        let caller = calls("caller", 100, 0, 2 * MIB, KEPT).with(vec![same("one"), same("other")]);
        assert_eq!(growing(&report(&[caller])), Some(vec!["caller"]), "one of them is freed");

        let itself = calls("caller", 100, 0, 2 * MIB, KEPT)
            .with(vec![calls("one", 100, MIB, MIB, 0), calls("other", 100, MIB, MIB, 0)]);
        assert_eq!(growing(&report(&[itself])), Some(vec!["caller"]));
    }

    #[test]
    fn few_calls_or_few_bytes_are_no_growth() {
        let few = report(&[calls("few", 7, MIB, MIB, MIB as i64)]);
        assert!(matches!(few.verdicts().growing, Verdict::Unknown(_)));
        assert_eq!(few.verdicts().growing.found(), None);
        let small = report(&[calls("small", 1000, MIB, MIB, 15)]);
        assert_eq!(small.verdicts().growing, Verdict::Nothing);
        assert_eq!(growing(&report(&[calls("block", 1000, MIB, MIB, 16)])), Some(vec!["block"]));
    }
}
