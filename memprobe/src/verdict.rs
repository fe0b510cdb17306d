//! What a report says: where memory presses, grows and churns, and who is to be asked.

use std::fmt;

use crate::name::short;
use crate::process::Heap;
use crate::report::{Figures, Function, Node, Report, Sample, Steady};
use crate::units::{Scaled, Signed};

/// What a report says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdicts {
    /// The function whose calls may need the most memory together.
    pub pressure: Verdict<Pressure>,
    /// What keeps more and more.
    pub growing: Verdict<Growing>,
    /// The function that allocates far more than it needs.
    pub churn: Verdict<Churn>,
}

/// One of the verdicts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict<T> {
    /// There is one.
    Found(T),
    /// The figures are there, and show none.
    Nothing,
    /// It cannot be told, and why.
    Unknown(&'static str),
}

impl<T> Verdict<T> {
    /// What was found.
    pub fn found(&self) -> Option<&T> {
        match self {
            Verdict::Found(found) => Some(found),
            Verdict::Nothing | Verdict::Unknown(_) => None,
        }
    }
}

/// The function with the highest product of its peak and the most of its calls at once: what
/// they would need together if all reached their peaks at the same time.
///
/// `Display` says it in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pressure {
    /// The function.
    pub function: &'static str,
    /// From a root of the call tree to that function where it peaks highest, and on to the
    /// call in which most of the peak is: each has at least half of its caller's.
    pub path: Vec<&'static str>,
    /// The highest peak of a single call, bytes.
    pub peak: u64,
    /// Most calls that ran at once. Where it is not known the product counts one.
    pub most_at_once: Option<u64>,
    /// `peak × most_at_once`, bytes.
    pub bytes: u64,
    /// The segment that reached the peak, by the labels at its ends; `None` where calls have
    /// no probes.
    pub segment: Option<(&'static str, &'static str)>,
}

/// What keeps memory in each call, also when everything is warm.
///
/// Judged are the calls that no annotated function calls: what the latter half of them kept,
/// with all that they call (`steady`). It counts from 4 such calls on, at 16 bytes a call.
///
/// It is no growth if
/// - other such functions free as much: together they kept less than half of it;
/// - the process did not grow with it: the slope of its `allocated` over the timeline says
///   less than half of it, or, without a timeline, the process has less allocated than that.
///
/// Then the call to be asked is looked for. From the function that grows it goes on to the
/// nested call whose own growth is nearest to its caller's, if no more than half of that away
/// and at least twice as near as any other's. So a function that hands its result to a caller
/// who frees it is not accused: the caller's growth is without it.
///
/// `Display` says it in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Growing {
    /// From the root of the call tree to the call that keeps the memory.
    pub path: Vec<&'static str>,
    /// What the latter half of the last one's calls kept.
    pub steady: Steady,
    /// How fast the process's `allocated` grew, bytes a second: what confirms it. `None`
    /// without a timeline.
    pub slope: Option<i64>,
}

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

/// Calls in the latter half, below which a leak cannot be told from a cache that fills.
const ENOUGH_CALLS: u64 = 4;
/// Bytes a call, below which a growth is none: a small block of jemalloc's.
const SMALL_BLOCK: i64 = 16;
/// Samples below which a slope says nothing.
const ENOUGH_SAMPLES: usize = 8;
/// How far beyond the need churn begins.
const CHURN: u64 = 4;
/// How far a peak may be under.
const PEAK_ERROR: u64 = 64 << 10;

impl Report {
    /// What the figures say.
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
        let contexts = self.contexts();
        Verdicts {
            pressure: found(self.pressure(&contexts)),
            growing: self.growing(),
            churn: found(self.churn(&contexts)),
        }
    }

    fn with_figures(&self) -> impl Iterator<Item = (&Function, &Figures)> {
        self.functions.iter().filter_map(|function| Some((function, function.figures.as_ref()?)))
    }

    fn pressure(&self, contexts: &[Vec<&Node>]) -> Option<Pressure> {
        let (function, peak, bytes) = self
            .with_figures()
            .map(|(function, figures)| {
                let at_once = function.most_at_once.unwrap_or(1);
                (function, figures.peak, figures.peak.saturating_mul(at_once))
            })
            .filter(|&(_, peak, _)| peak > 0)
            // Of equal ones the first, which has the higher peak.
            .rev_max_by_key(|&(_, _, bytes)| bytes)?;
        let mut path = context_of(function.name, contexts, |figures| figures.peak);
        while let Some(inner) = path.last().and_then(|node| {
            let most = |figures: Option<Figures>| figures.map_or(0, |figures| figures.peak);
            let inner = node.children.iter().max_by_key(|child| most(child.figures))?;
            (most(inner.figures) >= most(node.figures) / 2).then_some(inner)
        }) {
            path.push(inner);
        }
        let segment = path.last().filter(|node| node.segments.len() > 1).and_then(|node| {
            let segments = node.segments.iter();
            let highest = segments.max_by_key(|segment| segment.figures.map(|all| all.level))?;
            Some((highest.from, highest.label))
        });
        Some(Pressure {
            function: function.name,
            path: names(&path, function.name),
            peak,
            most_at_once: function.most_at_once,
            bytes,
            segment,
        })
    }

    fn growing(&self) -> Verdict<Growing> {
        let steady: Vec<(&Node, Steady)> =
            self.tree.iter().filter_map(|root| Some((root, steady(root)?))).collect();
        if steady.is_empty() {
            return Verdict::Unknown(
                "no function was called often enough: a leak shows from 8 calls on",
            );
        }
        let together: i64 = steady.iter().map(|(_, steady)| steady.net).sum();
        let slope = slope(&self.timeline);
        let process = match slope {
            Some(slope) => slope.half,
            None => self.process.heap.map_or(i64::MAX, |Heap { allocated, .. }| {
                i64::try_from(allocated).unwrap_or(i64::MAX)
            }),
        };
        let grows = |steady: &Steady| {
            steady.per_call() >= SMALL_BLOCK
                && together >= steady.net / 2
                && process >= if slope.is_some() { steady.net / 2 } else { steady.net }
        };
        let root = steady.into_iter().filter(|(_, steady)| grows(steady));
        let Some((root, _)) = root.rev_max_by_key(|(_, steady)| steady.net) else {
            return Verdict::Nothing;
        };
        let mut path = vec![root];
        let mut at = root;
        while let Some(inner) = uncancelled(at) {
            path.push(inner);
            at = inner;
        }
        Verdict::Found(Growing {
            path: names(&path, root.function),
            steady: steady_or_all(at),
            slope: slope.map(|slope| slope.per_second),
        })
    }

    fn churn(&self, contexts: &[Vec<&Node>]) -> Option<Churn> {
        let (function, allocated, needed) = self
            .with_figures()
            .map(|(function, figures)| {
                let calls = function.outcomes.calls();
                let needed = function.peaks.sum().saturating_add(PEAK_ERROR.saturating_mul(calls));
                (function, figures.self_allocated, needed)
            })
            .filter(|&(_, allocated, needed)| allocated / CHURN >= needed.max(1))
            .rev_max_by_key(|&(_, allocated, needed)| allocated - needed)?;
        let path = context_of(function.name, contexts, |figures| figures.self_allocated);
        Some(Churn { path: names(&path, function.name), allocated, needed })
    }
}

fn found<T>(found: Option<T>) -> Verdict<T> {
    found.map_or(Verdict::Nothing, Verdict::Found)
}

/// `max_by_key` that gives the first of equal ones.
trait RevMax: Iterator + Sized {
    fn rev_max_by_key<K: Ord>(self, mut key: impl FnMut(&Self::Item) -> K) -> Option<Self::Item> {
        let first_of_equal = |best: Self::Item, next: Self::Item| {
            if key(&next) > key(&best) { next } else { best }
        };
        self.reduce(first_of_equal)
    }
}

impl<I: Iterator> RevMax for I {}

/// The context of a function in which a figure is highest.
fn context_of<'a>(
    function: &str,
    contexts: &[Vec<&'a Node>],
    figure: fn(&Figures) -> u64,
) -> Vec<&'a Node> {
    contexts
        .iter()
        .filter(|path| path.last().is_some_and(|node| node.function == function))
        .rev_max_by_key(|path| path.last().and_then(|node| node.figures.as_ref()).map(figure))
        .cloned()
        .unwrap_or_default()
}

/// The names on a path; that of the function alone where the tree has no room for it.
fn names(path: &[&Node], function: &'static str) -> Vec<&'static str> {
    match path {
        [] => vec![function],
        path => path.iter().map(|node| node.function).collect(),
    }
}

/// The latter half of a node's calls, if there are enough to judge by.
fn steady(node: &Node) -> Option<Steady> {
    node.figures?.steady.filter(|steady| steady.calls >= ENOUGH_CALLS)
}

/// Growth of a node: the latter half of its calls, or all where there are few.
fn steady_or_all(node: &Node) -> Steady {
    steady(node).unwrap_or_else(|| Steady {
        calls: node.outcomes.calls(),
        net: node.figures.map_or(0, |figures| figures.net()),
    })
}

/// The nested call that keeps what its caller keeps; `None` if the caller itself does, or if
/// it cannot be told from another.
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

#[derive(Clone, Copy)]
struct Slope {
    per_second: i64,
    /// Growth over half of the time, bytes: what the latter half of calls can have kept.
    half: i64,
}

/// How the process's `allocated` grows: the median of the slopes between samples far apart,
/// so that what calls hold at some of them does not count.
fn slope(timeline: &[Sample]) -> Option<Slope> {
    let samples: Vec<(i128, i128)> = timeline
        .iter()
        .filter_map(|sample| Some((sample.uptime_us.into(), sample.allocated?.into())))
        .collect();
    if samples.len() < ENOUGH_SAMPLES {
        return None;
    }
    let span = samples.last()?.0 - samples.first()?.0;
    let apart = samples.len() / 2;
    let mut slopes: Vec<i128> = samples
        .iter()
        .zip(&samples[apart..])
        .filter(|(early, late)| late.0 > early.0)
        .map(|(early, late)| (late.1 - early.1) * 1_000_000 / (late.0 - early.0))
        .collect();
    slopes.sort_unstable();
    let per_second = *slopes.get(slopes.len() / 2)?;
    Some(Slope {
        per_second: i64::try_from(per_second).ok()?,
        half: i64::try_from(per_second * span / 2_000_000).ok()?,
    })
}

impl Churn {
    /// How many times the need was allocated.
    pub fn times(&self) -> u64 {
        self.allocated / self.needed.max(1)
    }
}

// --- sentences ----------------------------------------------------------------------------

/// Names from caller to callee, the middle of a long path left out.
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

impl fmt::Display for Pressure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} peaks at {}", short(self.function), Scaled(self.peak))?;
        if let Some(calls) = self.most_at_once.filter(|&calls| calls > 1) {
            write!(f, " × {calls} at once = {}", Scaled(self.bytes))?;
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

impl fmt::Display for Growing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per_call = Signed(self.steady.per_call());
        write!(f, "{} keeps {per_call} a call", Path(&self.path))?;
        match self.slope {
            Some(slope) => {
                write!(f, "; the process grows by {} a second", Scaled(slope.max(0) as u64))
            }
            None => f.write_str("; no timeline confirms it"),
        }
    }
}

impl fmt::Display for Churn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Churn { path, allocated, needed } = self;
        let (allocated, needed) = (Scaled(*allocated), Scaled(*needed));
        write!(f, "{} allocated {allocated}, {} × the {needed} it needed", Path(path), self.times())
    }
}

#[cfg(all(test, feature = "enabled"))]
mod tests {
    use super::*;
    use crate::by_hand::{KIB, MIB, calls, hot_spots, report};

    const KEPT: i64 = 64 << 10;

    fn growing(report: &Report) -> Option<Vec<&'static str>> {
        report.verdicts().growing.found().map(|growing| growing.path.clone())
    }

    #[test]
    fn a_crowd_of_small_calls_presses_more_than_one_large() {
        let large = calls("large", 10, MIB, 64 * MIB, 0);
        let crowd = calls("crowd", 100, MIB, MIB, 0);
        let report = report(&[large, crowd]).at_once("crowd", 100);
        let verdicts = report.verdicts();
        let pressure = verdicts.pressure.found().expect("some");
        assert_eq!(pressure.function, "crowd");
        assert_eq!((pressure.peak, pressure.most_at_once), (MIB, Some(100)));
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
        assert_eq!(growing(&flat), None, "the process does not grow");
    }

    #[test]
    fn who_keeps_in_every_call_grows_and_the_process_confirms_it() {
        let keeper = || calls("keeper", 100, 64 * KIB, 64 * KIB, KEPT);
        let alone = report(&[keeper()]);
        let verdicts = alone.verdicts();
        let growing = verdicts.growing.found().expect("grows");
        assert_eq!(growing.steady, Steady { calls: 50, net: 50 * KEPT });
        assert_eq!(growing.slope, None);
        assert_eq!(growing.to_string(), "keeper keeps +64 KiB a call; no timeline confirms it");

        let seen = report(&[keeper()]).allocated_from_to(MIB, MIB + 6400 * KIB);
        let verdicts = seen.verdicts();
        let growing = verdicts.growing.found().expect("grows");
        let slope = growing.slope.expect("a timeline");
        assert!(slope.abs_diff(640 * KIB as i64) < 16 * KIB, "640 KiB a second: {slope}");
    }

    #[test]
    fn two_that_cancel_each_other_do_not_grow() {
        let push = calls("push", 100, MIB, MIB, MIB as i64);
        let pop = calls("pop", 100, 0, 0, -(MIB as i64));
        assert_eq!(growing(&report(&[push, pop])), None);
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
        assert!((80..110).contains(&churn.times()), "{churn}");
    }

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
