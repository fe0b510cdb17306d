//! The rows of a report: an owner each, with what it owns now and how that has changed.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use crate::report::{Age, Live, LivePoint, OwnerKind, Rise, Stack};
use crate::runtime::readings::{clock, samples};
use crate::runtime::stats::call_tree::Node;
use crate::runtime::stats::live::BLOCKS;
use crate::runtime::stats::live::history::{self, Point};
use crate::runtime::stats::live::owner::{CallRef, Owner};
use crate::runtime::stats::live::sums::Sum;

/// Most stacks of an owner in a report.
const STACKS: usize = 8;
/// A rise is measured over this many points at least.
const ENOUGH_POINTS: usize = 8;

/// What is found of one owner in the table.
#[derive(Default)]
struct Found {
    running: Sum,
    finished: Sum,
    /// When its blocks were allocated, in ns, and their weights.
    births: Vec<(u64, u64)>,
    stacks: HashMap<Box<[usize]>, Sum>,
}

impl Found {
    fn all(&self) -> Sum {
        self.running.plus(self.finished)
    }
}

/// Returns the points of the latter half of the history's time; `None` if they are too few.
fn latter(points: &[Point]) -> Option<&[Point]> {
    let middle = history::middle(points.first()?.at, points.last()?.at);
    let points = &points[points.partition_point(|point| point.at < middle)..];
    (points.len() >= ENOUGH_POINTS).then_some(points)
}

/// Returns how much more an owner owned at the last of these points than at the first.
fn rise(owner: Owner, points: &[Point]) -> Option<Rise> {
    let (first, last) = (points.first()?, points.last()?);
    let (then, now) = (first.of(owner), last.of(owner));
    // Blocks that were live then and still are count in both sums. What makes the difference are
    // those allocated since, and those freed since.
    let old = now.finished.variance - now.young.variance;
    let freed = (then.finished.variance - old).max(0.0);
    let difference = Sum { variance: now.young.variance + freed, ..Sum::default() };
    Some(Rise {
        time: Duration::from_nanos(last.at.saturating_sub(first.at)),
        owned: now.finished.estimate(),
        bytes: now.finished.bytes as i64 - then.finished.bytes as i64,
        error: difference.error(),
        calls: now.calls.zip(then.calls).map(|(now, then)| now.saturating_sub(then)),
        per_second: slope(points, owner),
        recent_per_second: slope(&points[points.len() / 2..], owner),
    })
}

/// Returns the median of the slopes between any two points (H. Theil, 1950; P. Sen, 1968), in bytes
/// a second: single points far off do not change it.
fn slope(points: &[Point], owner: Owner) -> i64 {
    let of = |point: &Point| (point.at, point.of(owner).finished.bytes as i64);
    let points: Vec<(u64, i64)> = points.iter().map(of).collect();
    let mut slopes = Vec::new();
    for (at, &(early, before)) in points.iter().enumerate() {
        for &(late, after) in &points[at + 1..] {
            let apart = late.saturating_sub(early) as f64 / 1e9;
            if apart > 0.0 {
                slopes.push((after - before) as f64 / apart);
            }
        }
    }
    slopes.sort_unstable_by(f64::total_cmp);
    slopes.get(slopes.len() / 2).map_or(0, |&slope| slope as i64)
}

/// Returns who owns the live memory now, and what the positions in each node of the call tree own
/// of it. Sampling must have been started.
pub(crate) fn rows() -> (Live, Vec<(&'static Node, Sum)>) {
    let now = clock::coarse();
    let points = history::points();
    let mut all: HashMap<_, (Owner, Found)> = HashMap::new();
    // What has been freed meanwhile has a history.
    for owner in points.last().into_iter().flat_map(Point::owners) {
        all.insert(owner.key(), (owner, Found::default()));
    }
    BLOCKS.each(|block| {
        let new = || (block.owner, Found::default());
        let (_, found) = all.entry(block.owner.key()).or_insert_with(new);
        if block.call.is_some_and(CallRef::is_running) {
            found.running.add(block);
        } else {
            found.finished.add(block);
        }
        found.births.push((block.born, block.weight));
        if !block.stack.is_empty() {
            found.stacks.entry(block.stack.into()).or_default().add(block);
        }
    });
    let total = all.values().fold(Sum::default(), |total, (_, found)| total.plus(found.all()));
    let of_node = |(owner, found): &(Owner, Found)| match owner {
        Owner::Call(position) => Some((position.node, found.all())),
        Owner::NotAnnotated | Owner::Memprobe => None,
    };
    let mut nodes: Vec<_> = all.values().filter_map(of_node).collect();
    nodes.retain(|(_, sum)| sum.samples > 0);
    // The same order each time, also where new nodes come into the tree.
    nodes.sort_by_key(|&(_, sum)| Reverse(sum.bytes));
    let latter = latter(&points);
    let row = |(owner, found)| row(owner, found, &points, latter, now);
    let mut owners: Vec<_> = all.into_values().map(row).collect();
    owners.sort_by(|one, other| {
        other.live.bytes.cmp(&one.live.bytes).then_with(|| one.path.cmp(&other.path))
    });
    let live = Live {
        owners,
        total: total.estimate(),
        interval: samples::interval().unwrap_or(0),
        active: samples::is_active(),
        lost: BLOCKS.lost(),
    };
    (live, nodes)
}

fn row(
    owner: Owner,
    mut found: Found,
    points: &[Point],
    latter: Option<&[Point]>,
    now: u64,
) -> crate::report::Owner {
    found.births.sort_unstable();
    let age = |born: u64| Age {
        time: Duration::from_nanos(now.saturating_sub(born)),
        calls: calls_since(owner, born, points),
    };
    let median = median(&found.births).map(age);
    let mut stacks: Vec<Stack> = std::mem::take(&mut found.stacks)
        .into_iter()
        .map(|(addresses, sum)| Stack { live: sum.estimate(), addresses: addresses.into() })
        .collect();
    stacks.sort_by_key(|stack| Reverse(stack.live.bytes));
    stacks.truncate(STACKS);
    let (kind, path, after) = match owner {
        Owner::Call(position) => (OwnerKind::Call, path(position.node), Some(position.after)),
        Owner::NotAnnotated => (OwnerKind::NotAnnotated, Vec::new(), None),
        Owner::Memprobe => (OwnerKind::Memprobe, Vec::new(), None),
    };
    let point = |point: &Point| LivePoint {
        uptime_us: point.uptime_us,
        bytes: point.of(owner).finished.bytes,
    };
    crate::report::Owner {
        kind,
        path,
        after,
        live: found.all().estimate(),
        running: found.running.estimate(),
        finished: found.finished.estimate(),
        oldest: found.births.first().map(|&(born, _)| age(born)),
        median,
        rise: latter.and_then(|points| rise(owner, points)),
        history: points.iter().map(point).collect(),
        stacks,
    }
}

/// Returns the birth that half of the bytes were allocated before; `births` are in order.
fn median(births: &[(u64, u64)]) -> Option<u64> {
    let half = births.iter().map(|&(_, weight)| weight).fold(0, u64::saturating_add) / 2;
    let mut sum = 0_u64;
    let reached = births.iter().find(|&&(_, weight)| {
        sum = sum.saturating_add(weight);
        sum >= half
    });
    reached.map(|&(born, _)| born)
}

/// Returns about how many calls of an owner have ended since `then`: those since the last point
/// of the history before.
fn calls_since(owner: Owner, then: u64, points: &[Point]) -> Option<u64> {
    let before = points.partition_point(|point| point.at <= then).checked_sub(1)?;
    // The first point in which the owner was listed may come later.
    let calls = points[before..].iter().find_map(|point| point.of(owner).calls)?;
    Some(history::calls(owner)?.saturating_sub(calls))
}

/// Returns the names from the root of the call tree to a node.
pub(crate) fn path(node: &'static Node) -> Vec<&'static str> {
    let mut path: Vec<_> = std::iter::successors(Some(node.outermost()), |node| node.caller)
        .map(|node| node.site.name())
        .collect();
    path.reverse();
    path
}
