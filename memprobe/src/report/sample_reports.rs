//! Reports with given figures, for the tests of verdicts and views.

use std::cmp::Reverse;
use std::time::Duration;

use crate::report::distribution::Distribution;
use crate::report::{
    Age, Estimate, Figures, FirstCall, Function, Live, LivePoint, Node, NodeSegment, Outcomes,
    Owner, OwnerKind, Pass, Report, Rise, Sample, SegmentTotals, Stack, Steady, walk,
};
use crate::values::process::{Heap, Limit, LimitSource, Process};

pub const KIB: u64 = 1 << 10;
pub const MIB: u64 = 1 << 20;

/// A node whose calls each allocate `own` and keep `kept`, and its nested calls.
pub struct Calls {
    pub name: &'static str,
    pub count: u64,
    /// Bytes that a call itself allocates.
    pub own: u64,
    pub peak: u64,
    /// Bytes that a call keeps, nested calls included.
    pub kept: i64,
    pub children: Vec<Calls>,
}

pub fn calls(name: &'static str, count: u64, own: u64, peak: u64, kept: i64) -> Calls {
    Calls { name, count, own, peak, kept, children: Vec::new() }
}

impl Calls {
    pub fn with(mut self, children: Vec<Calls>) -> Calls {
        self.children = children;
        self
    }

    fn node(&self) -> Node {
        let children: Vec<Node> = self.children.iter().map(Calls::node).collect();
        let sum = |of: fn(&Figures) -> u64| {
            children.iter().filter_map(|child| child.figures.as_ref()).map(of).sum::<u64>()
        };
        let net = self.kept * self.count as i64;
        let allocated = self.own * self.count + sum(|figures| figures.allocated);
        let freed = (allocated as i64 - net) as u64;
        let half = self.count / 2;
        Node {
            function: self.name,
            outcomes: Outcomes { returned: self.count, ..Outcomes::default() },
            figures: Some(Figures {
                allocated,
                freed,
                self_allocated: self.own * self.count,
                self_freed: freed.wrapping_sub(sum(|figures| figures.freed)),
                peak: self.peak,
                high_water: self.peak,
                self_peak: Some(self.peak),
                steady: (half > 0).then_some(Steady { calls: half, net: self.kept * half as i64 }),
            }),
            segments: Vec::new(),
            carried: Vec::new(),
            live: None,
            children,
        }
    }
}

/// Returns the report of a tree in which each function occurs once.
pub fn report(tree: &[Calls]) -> Report {
    of(tree.iter().map(Calls::node).collect())
}

fn of(tree: Vec<Node>) -> Report {
    let mut report = Report { tree, ..Report::default() };
    walk(&report.tree, |path| report.functions.extend(path.last().copied().map(function)));
    report.functions.sort_by_key(|function| Reverse(function.figures.map(|all| all.peak)));
    report.process.heap = Some(Heap { allocated: 64 * MIB, ..Heap::default() });
    report
}

fn function(node: &Node) -> Function {
    let calls = node.outcomes.calls();
    let figures = node.figures.unwrap_or_default();
    let per_call = figures.allocated.checked_div(calls);
    Function {
        name: node.function,
        outcomes: node.outcomes,
        max_concurrent: Some(1),
        max_concurrent_exact: true,
        figures: node.figures,
        first_call: per_call.map(|allocated| FirstCall { peak: figures.peak, allocated }),
        peaks: Distribution::of(figures.peak, calls),
        allocations: Distribution::of(per_call.unwrap_or(0), calls),
        segments: node.segments.iter().map(segment).collect(),
        carried: Vec::new(),
    }
}

fn segment(segment: &NodeSegment) -> SegmentTotals {
    let figures = segment.figures.unwrap_or_default();
    SegmentTotals {
        from: segment.from,
        label: segment.label,
        count: segment.count,
        figures: segment.figures,
        peaks: Distribution::of(figures.peak, segment.count),
        allocations: Distribution::of(figures.allocated / segment.count, segment.count),
    }
}

impl Report {
    pub(crate) fn at_once(mut self, function: &str, calls: u64) -> Report {
        for other in &mut self.functions {
            if other.name == function {
                other.max_concurrent = Some(calls);
            }
        }
        self
    }

    /// Adds a timeline of ten seconds in which `allocated` grows from `first` to `last`, sampled at
    /// the points of the first root. Its calls hold memory at two of the three points.
    pub(crate) fn allocated_from_to(mut self, first: u64, last: u64) -> Report {
        let function = self.tree[0].function;
        let pass = |from, label, net: u64| {
            Some(Pass { function, from, label, net: net as i64, peak: net })
        };
        let points = [
            ("return", 0, None),
            ("decoded", 30 * MIB, pass("entry", "decoded", 30 * MIB)),
            ("resized", 88 * MIB, pass("decoded", "resized", 58 * MIB)),
        ];
        let sample = |(at, (label, held, largest))| {
            let allocated = first + (last - first) * at / 99 + held;
            Sample {
                uptime_us: 500_000 + at * 101_010,
                rss: Some(allocated + 6 * MIB),
                allocated: Some(allocated),
                function,
                label,
                largest,
            }
        };
        self.timeline = (0..100).zip(points.into_iter().cycle()).map(sample).collect();
        self
    }
}

/// Returns a report with a leak in `remember`, churn in `parse`, a high peak in `resize`, results
/// of `fetch` that its caller frees, and many small calls of `crowd` at once.
pub fn hot_spots() -> Report {
    let handler = calls("app::handler", 100, 2 * MIB, 88 * MIB, 64 * KIB as i64).with(vec![
        calls("app::image::resize", 100, 60 * MIB, 60 * MIB, 0),
        calls("app::fetch", 100, 2 * MIB, 2 * MIB, MIB as i64),
        calls("app::parse", 100, 100 * MIB, MIB, 0),
        calls("app::Cache::remember", 100, 64 * KIB, 64 * KIB, 64 * KIB as i64),
        calls("app::log", 1000, 300, 300, 0),
        calls("app::trace", 1000, 200, 200, 0),
    ]);
    let mut handler = handler.node();
    handler.outcomes = Outcomes { returned: 97, panicked: 1, cancelled: 2, closed: 0 };
    handler.segments = [
        ("decoded", "resized", 60 * MIB, 88 * MIB, 0),
        ("entry", "decoded", 2 * MIB, 30 * MIB, 0),
        ("resized", "return", 102 * MIB, 4 * MIB, 64 * KIB as i64),
    ]
    .into_iter()
    .map(|(from, label, allocated, level, kept)| {
        let allocated = allocated * 100;
        let freed = (allocated as i64 - kept * 100) as u64;
        let figures =
            Figures { allocated, freed, high_water: level, peak: level / 2, ..Figures::default() };
        NodeSegment { from, label, count: 100, figures: Some(figures) }
    })
    .collect();
    let mut report = of(vec![handler, calls("app::crowd", 100, MIB, MIB, 0).node()])
        .at_once("app::crowd", 100)
        .allocated_from_to(5 * MIB, 5 * MIB + 6400 * KIB);
    report.elapsed = Duration::from_secs(10);
    report.folded_calls = 3;
    report.process = Process {
        heap: Some(Heap {
            allocated: 12 * MIB,
            active: 13 * MIB,
            metadata: MIB,
            resident: 20 * MIB,
            mapped: 30 * MIB,
            retained: 0,
        }),
        rss: Some(77 * MIB),
        peak_rss: Some(121 * MIB),
        limit: Some(Limit { bytes: 512 * MIB, source: LimitSource::Lambda }),
        ..Process::default()
    };
    report
}

/// Returns the report of `hot_spots` with the owners of 84 MiB: `remember` leaks, `resize` runs, and
/// some own so little that their estimates are rough.
pub fn with_owners() -> Report {
    let mut report = hot_spots();
    let mut remember = owner(&["app::handler", "app::Cache::remember"], "parsed", 63_488, 512, 124);
    remember.history = (0..60_u64)
        .map(|at| LivePoint { uptime_us: 500_000 + at * 166_667, bytes: MIB * at })
        .collect();
    remember.rise = Some(Rise {
        time: Duration::from_secs(5),
        owned: remember.finished,
        bytes: 31 * MIB as i64,
        error: 4 * MIB,
        calls: Some(340),
        per_second: 6_500_000,
        recent_per_second: 6_400_000,
    });
    let mut resize = owner(&["app::handler", "app::image::resize"], "entry", 10_240, 10_240, 1);
    resize.live.error = 0;
    resize.stacks.clear();
    let mut outside = owner(&[], "", 7_168, 0, 14);
    (outside.kind, outside.after) = (OwnerKind::NotAnnotated, None);
    outside.median = Some(Age { time: Duration::from_secs(9), calls: None });
    outside.oldest = outside.median;
    let mut ours = owner(&[], "", 512, 0, 1);
    (ours.kind, ours.after) = (OwnerKind::Memprobe, None);
    let labels = ["decoded", "resized", "stored", "sent", "logged", "closed", "entry", "carried"];
    let small = labels.map(|label| owner(&["app::handler"], label, 576, 0, 1));
    let mut owners = vec![remember, resize, outside];
    owners.extend(small);
    owners.push(ours);
    let mut gone = owner(&["app::handler"], "gone", 0, 0, 0);
    (gone.oldest, gone.median) = (None, None);
    gone.stacks.clear();
    owners.push(gone);
    let handler = &mut report.tree[0];
    handler.live = Some(sum(owners[3..11].iter()));
    for child in &mut handler.children {
        let is_its = |owner: &&Owner| owner.path.last() == Some(&child.function);
        child.live = owners.iter().find(is_its).map(|owner| owner.live);
    }
    let total = sum(owners.iter());
    report.live = Some(Live { owners, total, interval: 512 * KIB, active: true, lost: 0 });
    report
}

fn sum<'a>(owners: impl Iterator<Item = &'a Owner>) -> Estimate {
    owners.fold(Estimate::default(), |sum, owner| sum.plus(owner.live))
}

/// Returns an owner of `kib`, of which calls that run own `running`.
fn owner(
    path: &[&'static str],
    after: &'static str,
    kib: u64,
    running: u64,
    samples: u64,
) -> Owner {
    let estimate = |kib: u64, samples: u64| Estimate {
        bytes: kib * KIB,
        error: (512.0 * (samples as f64).sqrt()) as u64 * KIB,
        samples,
    };
    let age = Some(Age { time: Duration::from_secs(5), calls: Some(340) });
    let here = with_owners as fn() -> Report as usize;
    Owner {
        kind: OwnerKind::Call,
        path: path.to_vec(),
        after: Some(after),
        live: estimate(kib, samples),
        running: estimate(running, u64::from(running > 0)),
        finished: estimate(kib - running, samples - u64::from(running > 0)),
        oldest: age,
        median: age,
        rise: None,
        history: Vec::new(),
        stacks: vec![Stack { live: estimate(12_288, 24), addresses: vec![here + 8] }],
    }
}
