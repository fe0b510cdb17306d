//! The marks of a watch: which of them the use of memory has crossed.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Marks at most.
pub(crate) const MOST: usize = 8;

/// A part of the limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mark {
    pub percent: f64,
    pub bytes: u64,
    /// Where it stands among the marks.
    pub index: usize,
}

impl Mark {
    /// Below this the mark may speak again.
    fn rearms_below(&self) -> u64 {
        self.bytes - self.bytes / 10
    }
}

/// Each mark speaks once, and again after the use was 10 % below it.
pub(crate) struct Marks {
    /// The lowest first.
    marks: Vec<Mark>,
    /// A bit for each mark.
    spoken: AtomicU32,
}

impl Marks {
    /// `None` unless there are one to [`MOST`] parts of the limit, above 0 and up to 1.
    pub fn new(parts: &[f64], limit: u64) -> Option<Marks> {
        if parts.is_empty() || !parts.iter().all(|&part| part > 0.0 && part <= 1.0) {
            return None;
        }
        let mut parts = parts.to_vec();
        parts.sort_by(f64::total_cmp);
        parts.dedup();
        let mark = |(index, part): (usize, f64)| Mark {
            percent: (part * 1e5).round() / 1e3,
            bytes: (limit as f64 * part) as u64,
            index,
        };
        let marks: Vec<Mark> = parts.into_iter().enumerate().map(mark).collect();
        (marks.len() <= MOST).then_some(Marks { marks, spoken: AtomicU32::new(0) })
    }

    /// Whether any mark has spoken and may not do so again yet.
    pub fn has_spoken(&self) -> bool {
        self.spoken.load(Relaxed) != 0
    }

    /// Between these nothing would change: no mark would speak, and none be armed again.
    pub fn calm(&self) -> (u64, u64) {
        let spoken = self.spoken.load(Relaxed);
        let has_spoken = |mark: &&Mark| spoken & 1 << mark.index != 0;
        let above = self.marks.iter().rev().find(has_spoken).map_or(0, Mark::rearms_below);
        let below = self.marks.iter().find(|mark| !has_spoken(mark)).map_or(u64::MAX, |m| m.bytes);
        (above, below)
    }

    /// The highest mark that this use has reached, unless it has spoken.
    pub fn reached(&self, used: u64) -> Option<&Mark> {
        let mark = self.marks.iter().rev().find(|mark| mark.bytes <= used)?;
        (self.spoken.load(Relaxed) & 1 << mark.index == 0).then_some(mark)
    }

    /// Gives the mark that speaks now, if any: the highest that was reached, for all that were
    /// jumped over.
    pub fn cross(&self, used: u64) -> Option<&Mark> {
        let mark = self.reached(used)?;
        let bit = 1_u32 << mark.index;
        let before = self.spoken.fetch_or(bit | (bit - 1), Relaxed);
        (before & bit == 0).then_some(mark)
    }

    /// Arms the marks again that this use of memory is far enough below.
    pub fn rearm(&self, used: u64) {
        let rests = self.marks.iter().filter(|mark| used < mark.rearms_below());
        let rearmed = rests.fold(0, |bits, mark| bits | 1_u32 << mark.index);
        if self.spoken.load(Relaxed) & rearmed != 0 {
            self.spoken.fetch_and(!rearmed, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks() -> Marks {
        Marks::new(&[0.9, 0.8, 0.95, 0.9], 1000).expect("good marks")
    }

    fn spoken(marks: &Marks, used: u64) -> Option<f64> {
        marks.rearm(used);
        marks.cross(used).map(|mark| mark.percent)
    }

    #[test]
    fn each_mark_speaks_once_and_a_jump_over_several_is_one() {
        let marks = marks();
        assert_eq!(marks.calm(), (0, 800));
        assert_eq!(spoken(&marks, 799), None);
        assert_eq!(spoken(&marks, 800), Some(80.0));
        assert_eq!(spoken(&marks, 850), None);
        assert_eq!(marks.calm(), (720, 900));
        assert_eq!(spoken(&marks, 2000), Some(95.0), "for 90 too");
        assert_eq!(spoken(&marks, 900), None);
        assert_eq!(marks.calm(), (855, u64::MAX));
        assert!(marks.has_spoken());
    }

    #[test]
    fn a_mark_is_armed_again_ten_percent_below() {
        let marks = marks();
        assert_eq!(spoken(&marks, 960), Some(95.0));
        assert_eq!(spoken(&marks, 855), None);
        assert_eq!(spoken(&marks, 960), None, "not far enough below");
        assert_eq!(spoken(&marks, 854), None);
        assert_eq!(spoken(&marks, 900), None, "90 was not that far");
        assert_eq!(spoken(&marks, 960), Some(95.0));
        assert_eq!(spoken(&marks, 700), None);
        assert!(!marks.has_spoken());
        assert_eq!(spoken(&marks, 800), Some(80.0));
    }

    #[test]
    fn what_is_no_part_of_the_limit_is_refused() {
        let bad: [&[f64]; 6] = [&[], &[0.0], &[-0.5], &[1.01], &[f64::NAN], &[0.5, f64::INFINITY]];
        for parts in bad {
            assert!(Marks::new(parts, 1000).is_none(), "{parts:?}");
        }
        let nine: Vec<f64> = (1..=9).map(|tenth| f64::from(tenth) / 10.0).collect();
        assert!(Marks::new(&nine, 1000).is_none());
        assert!(Marks::new(&nine[..8], 1000).is_some());
        assert!(Marks::new(&[1.0], 1000).is_some());
    }
}
