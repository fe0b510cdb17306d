//! How fast the process grows, from samples of its timeline.

use std::collections::{HashMap, HashSet};

use crate::report::{Node, Sample, walk};

/// The median of fewer slopes between two samples says nothing.
const ENOUGH_SLOPES: usize = 8;
/// Samples that are compared, each with each.
const MOST_SAMPLES: usize = 500;

#[derive(Clone, Copy)]
pub(super) struct Slope {
    pub per_second: i64,
    /// Growth over the whole time, in bytes.
    pub growth: i64,
}

/// Returns how the process's `allocated` grows at the points of a root and of what it calls;
/// `samples` has those of each function.
pub(super) fn slope_at(root: &Node, samples: &HashMap<&str, Vec<&Sample>>) -> Option<Slope> {
    let mut functions = HashSet::new();
    walk(std::slice::from_ref(root), |path| {
        functions.extend(path.last().map(|node| node.function));
    });
    let of = |function| samples.get(function).into_iter().flatten().copied();
    let mut samples: Vec<&Sample> = functions.into_iter().flat_map(of).collect();
    samples.sort_by_key(|sample| sample.uptime_us);
    slope(samples)
}

/// Returns how the process's `allocated` grows: the median of the slopes between samples that
/// are more than a quarter of the time apart. Only samples at the same point are compared, so
/// that what calls hold there does not count.
pub(super) fn slope(samples: Vec<&Sample>) -> Option<Slope> {
    let step = samples.len().div_ceil(MOST_SAMPLES).max(1);
    let samples: Vec<(&Sample, i128)> = samples
        .into_iter()
        .step_by(step)
        .filter_map(|sample| Some((sample, sample.allocated?.into())))
        .collect();
    let (first, last) = (samples.first()?.0, samples.last()?.0);
    let span = last.uptime_us.saturating_sub(first.uptime_us);
    let mut slopes = Vec::new();
    for (at, (early, before)) in samples.iter().enumerate() {
        for (late, after) in &samples[at + 1..] {
            let apart = late.uptime_us.saturating_sub(early.uptime_us);
            let same = (early.function, early.label) == (late.function, late.label);
            if same && apart > span / 4 {
                slopes.push((after - before) * 1_000_000 / i128::from(apart));
            }
        }
    }
    if slopes.len() < ENOUGH_SLOPES {
        return None;
    }
    slopes.sort_unstable();
    let per_second = slopes[slopes.len() / 2];
    Some(Slope {
        per_second: i64::try_from(per_second).ok()?,
        growth: i64::try_from(per_second * i128::from(span) / 1_000_000).ok()?,
    })
}
