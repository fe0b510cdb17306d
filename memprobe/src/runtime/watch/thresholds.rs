//! The thresholds of a watch, and which of them memory use has crossed.
//!
//! A threshold is reported once, and armed again when use falls 10 % below it. Above the highest
//! threshold each further step of 2 % of the limit is reported the same way.

use crate::runtime::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Most thresholds of a watch.
pub(crate) const MOST: usize = 8;

/// A part of the limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Threshold {
    pub percent: f64,
    pub bytes: u64,
    /// Its index among the thresholds, the lowest first.
    pub index: usize,
}

impl Threshold {
    /// Below this use the threshold is armed again, in bytes.
    fn rearms_below(&self) -> u64 {
        rearms_below(self.bytes)
    }
}

/// Returns the use below which a threshold or a step at `bytes` is armed again.
fn rearms_below(bytes: u64) -> u64 {
    bytes - bytes / 10
}

/// The steps above the highest threshold, each 2 % of the limit. Each is reported, so that there is
/// a line close to the kill.
struct Steps {
    from: u64,
    each: u64,
    most: u32,
}

impl Steps {
    const PERCENT: f64 = 2.0;
    /// The last step, in percent of the limit: use far above it is only asked for.
    const LAST: f64 = 120.0;

    fn above(highest: &Threshold) -> Steps {
        let each = highest.bytes as f64 * Self::PERCENT / highest.percent;
        let most = (Self::LAST - highest.percent) / Self::PERCENT;
        Steps { from: highest.bytes, each: (each as u64).max(1), most: most as u32 }
    }

    /// Returns how many steps this use has reached.
    fn reached(&self, used: u64) -> u32 {
        let steps = used.saturating_sub(self.from) / self.each;
        steps.min(u64::from(self.most)) as u32
    }

    /// Returns where a step is, in bytes; `None` beyond the last.
    fn at(&self, step: u32) -> Option<u64> {
        let above = self.each.saturating_mul(u64::from(step));
        (step <= self.most).then_some(self.from.saturating_add(above))
    }

    /// Returns the use below which a step is armed again.
    fn rearms_below(&self, step: u32) -> u64 {
        self.at(step).map_or(u64::MAX, rearms_below)
    }
}

/// All thresholds of a watch, with what was reported of them.
#[allow(clippy::struct_field_names, reason = "they are the thresholds")]
pub(crate) struct Thresholds {
    /// The lowest first.
    thresholds: Vec<Threshold>,
    /// A bit for each threshold that was reported and is not armed again.
    reported: AtomicU32,
    /// How many steps above the highest threshold were reported.
    steps_reported: AtomicU32,
    /// How often each threshold was reported; the highest also for each step above it.
    reports: [AtomicU64; MOST],
}

impl Thresholds {
    /// Returns the thresholds at these parts of the limit, or `None` unless there are one to
    /// [`MOST`] parts above 0 and up to 1.
    pub fn new(parts: &[f64], limit: u64) -> Option<Thresholds> {
        if parts.is_empty() || !parts.iter().all(|&part| part > 0.0 && part <= 1.0) {
            return None;
        }
        let mut parts = parts.to_vec();
        parts.sort_by(f64::total_cmp);
        parts.dedup();
        let threshold = |(index, part): (usize, f64)| Threshold {
            percent: (part * 1e5).round() / 1e3,
            bytes: (limit as f64 * part) as u64,
            index,
        };
        let thresholds: Vec<Threshold> = parts.into_iter().enumerate().map(threshold).collect();
        (thresholds.len() <= MOST).then_some(Thresholds {
            thresholds,
            reported: AtomicU32::new(0),
            steps_reported: AtomicU32::new(0),
            reports: [const { AtomicU64::new(0) }; MOST],
        })
    }

    /// Returns the steps above this threshold if it is the highest.
    fn steps_above(&self, threshold: &Threshold) -> Option<Steps> {
        (threshold.index + 1 == self.thresholds.len()).then(|| Steps::above(threshold))
    }

    /// Whether any threshold was reported and is not armed again.
    pub fn has_reported(&self) -> bool {
        self.reported.load(Relaxed) != 0
    }

    /// Returns the range of use, `from..below`, in which no threshold would be reported and none
    /// armed again.
    pub fn calm(&self) -> (u64, u64) {
        let (reported, steps_reported) =
            (self.reported.load(Relaxed), self.steps_reported.load(Relaxed));
        let has_reported = |threshold: &&Threshold| reported & 1 << threshold.index != 0;
        let last = self.thresholds.iter().rev().find(has_reported);
        let steps = last.and_then(|last| self.steps_above(last));
        let above = match &steps {
            Some(steps) => steps.rearms_below(steps_reported),
            None => last.map_or(0, Threshold::rearms_below),
        };
        let next = self
            .thresholds
            .iter()
            .find(|threshold| !has_reported(threshold))
            .map(|threshold| threshold.bytes);
        let below = next.or_else(|| steps?.at(steps_reported + 1)).unwrap_or(u64::MAX);
        (above, below)
    }

    /// Returns the highest threshold that this use has reached, if it or the step above it that
    /// was reached is not reported yet.
    pub fn reached(&self, used: u64) -> Option<&Threshold> {
        let threshold = self.thresholds.iter().rev().find(|threshold| threshold.bytes <= used)?;
        let steps = self.steps_above(threshold).map_or(0, |steps| steps.reached(used));
        let is_new = self.reported.load(Relaxed) & 1 << threshold.index == 0
            || steps > self.steps_reported.load(Relaxed);
        is_new.then_some(threshold)
    }

    /// Returns the threshold to report now, if any, and notes it as reported together with all
    /// thresholds and steps that were jumped over.
    pub fn cross(&self, used: u64) -> Option<&Threshold> {
        let threshold = self.reached(used)?;
        let bit = 1_u32 << threshold.index;
        let is_first = self.reported.fetch_or(bit | (bit - 1), Relaxed) & bit == 0;
        let is_further = self.steps_above(threshold).is_some_and(|steps| {
            let steps = steps.reached(used);
            self.steps_reported.fetch_max(steps, Relaxed) < steps
        });
        if !is_first && !is_further {
            return None;
        }
        self.reports[threshold.index].fetch_add(1, Relaxed);
        Some(threshold)
    }

    /// Returns each threshold in percent of the limit, and how often it was reported.
    #[cfg(feature = "metrics")]
    pub fn reports(&self) -> impl Iterator<Item = (f64, u64)> {
        let reports = self.thresholds.iter().zip(&self.reports);
        reports.map(|(threshold, reports)| (threshold.percent, reports.load(Relaxed)))
    }

    /// Arms again the thresholds and steps that this use is more than 10 % below.
    pub fn rearm(&self, used: u64) {
        let rests = self.thresholds.iter().filter(|threshold| used < threshold.rearms_below());
        let rearmed = rests.fold(0, |bits, threshold| bits | 1_u32 << threshold.index);
        if self.reported.load(Relaxed) & rearmed != 0 {
            self.reported.fetch_and(!rearmed, Relaxed);
        }
        let steps_reported = self.steps_reported.load(Relaxed);
        if steps_reported > 0 {
            let steps = self.thresholds.last().map(Steps::above);
            let stays = |step: &u32| steps.as_ref().is_some_and(|s| used >= s.rearms_below(*step));
            let still = (1..=steps_reported).rev().find(stays).unwrap_or(0);
            if still < steps_reported {
                self.steps_reported.fetch_min(still, Relaxed);
            }
        }
    }
}

#[cfg(all(test, memprobe_loom))]
mod models;

#[cfg(test)]
mod tests {
    use super::*;

    fn thresholds() -> Thresholds {
        Thresholds::new(&[0.9, 0.8, 0.95, 0.9], 1000).expect("good thresholds")
    }

    fn reported(thresholds: &Thresholds, used: u64) -> Option<f64> {
        thresholds.rearm(used);
        thresholds.cross(used).map(|threshold| threshold.percent)
    }

    #[test]
    fn each_threshold_is_reported_once_and_a_jump_over_several_is_one() {
        let thresholds = thresholds();
        assert_eq!(thresholds.calm(), (0, 800));
        assert_eq!(reported(&thresholds, 799), None);
        assert_eq!(reported(&thresholds, 800), Some(80.0));
        assert_eq!(reported(&thresholds, 850), None);
        assert_eq!(thresholds.calm(), (720, 900));
        assert_eq!(reported(&thresholds, 2000), Some(95.0), "for 90 too");
        assert_eq!(thresholds.calm(), (1071, u64::MAX), "for all steps too");
        assert_eq!(reported(&thresholds, 9000), None);
        assert_eq!(reported(&thresholds, 900), None);
        assert_eq!(thresholds.calm(), (891, 1010), "what is 10 % above was armed again");
        assert!(thresholds.has_reported());
    }

    #[test]
    fn the_highest_threshold_is_reported_again_at_each_further_two_percent() {
        let thresholds = thresholds();
        assert_eq!(reported(&thresholds, 951), Some(95.0));
        assert_eq!(thresholds.calm(), (855, 970));
        let found: Vec<u64> =
            (952..3000).filter(|&used| reported(&thresholds, used).is_some()).collect();
        let steps: Vec<u64> = (1..=12).map(|step| 950 + 20 * step).collect();
        assert_eq!(found, steps, "up to 20 % above the limit");
        let lower = Thresholds::new(&[0.5], 1000).expect("good thresholds");
        assert_eq!(reported(&lower, 519), Some(50.0));
        assert_eq!(reported(&lower, 547), Some(50.0), "a jump over two steps is one");
        assert_eq!(reported(&lower, 559), None);
        assert_eq!(lower.calm(), (486, 560));
    }

    #[test]
    fn a_step_is_reported_once_until_it_is_armed_again() {
        let thresholds = thresholds();
        assert_eq!(reported(&thresholds, 995), Some(95.0));
        for _ in 0..1000 {
            assert_eq!(reported(&thresholds, 895), None);
            assert_eq!(reported(&thresholds, 1005), None, "990 is not 10 % above 895");
        }
        assert_eq!(reported(&thresholds, 890), None);
        assert_eq!(reported(&thresholds, 985), None, "970 is not 10 % above 890");
        assert_eq!(reported(&thresholds, 995), Some(95.0));
        assert_eq!(reported(&thresholds, 800), None);
        assert_eq!(reported(&thresholds, 940), Some(90.0));
        assert_eq!(
            reported(&thresholds, 990),
            Some(95.0),
            "the threshold and its steps are one line"
        );
        assert_eq!(reported(&thresholds, 990), None);
    }

    #[test]
    fn a_mark_is_armed_again_ten_percent_below() {
        let thresholds = thresholds();
        assert_eq!(reported(&thresholds, 960), Some(95.0));
        assert_eq!(reported(&thresholds, 855), None);
        assert_eq!(reported(&thresholds, 960), None, "not far enough below");
        assert_eq!(reported(&thresholds, 854), None);
        assert_eq!(reported(&thresholds, 900), None, "90 was not that far");
        assert_eq!(reported(&thresholds, 960), Some(95.0));
        assert_eq!(reported(&thresholds, 700), None);
        assert!(!thresholds.has_reported());
        assert_eq!(reported(&thresholds, 800), Some(80.0));
    }

    #[test]
    fn what_is_no_part_of_the_limit_is_refused() {
        let bad: [&[f64]; 6] = [&[], &[0.0], &[-0.5], &[1.01], &[f64::NAN], &[0.5, f64::INFINITY]];
        for parts in bad {
            assert!(Thresholds::new(parts, 1000).is_none(), "{parts:?}");
        }
        let nine: Vec<f64> = (1..=9).map(|tenth| f64::from(tenth) / 10.0).collect();
        assert!(Thresholds::new(&nine, 1000).is_none());
        assert!(Thresholds::new(&nine[..8], 1000).is_some());
        assert!(Thresholds::new(&[1.0], 1000).is_some());
    }
}
