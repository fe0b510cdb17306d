//! How the calls of a function change: the first against the others, the earlier against the later.

/// Sums of some calls.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sums {
    pub calls: u64,
    pub peak: u64,
    pub allocated: u64,
    pub net: i64,
    pub duration_us: u64,
}

impl Sums {
    fn add(&mut self, other: &Sums) {
        self.calls += other.calls;
        self.peak = self.peak.saturating_add(other.peak);
        self.allocated = self.allocated.saturating_add(other.allocated);
        self.net = self.net.saturating_add(other.net);
        self.duration_us = self.duration_us.saturating_add(other.duration_us);
    }

    /// Returns these without the first of them.
    fn since(&self, first: &Sums) -> Sums {
        Sums {
            calls: self.calls - first.calls,
            peak: self.peak.saturating_sub(first.peak),
            allocated: self.allocated.saturating_sub(first.allocated),
            net: self.net.saturating_sub(first.net),
            duration_us: self.duration_us.saturating_sub(first.duration_us),
        }
    }

    /// Returns the mean peak of a call, in bytes.
    pub fn mean_peak(&self) -> u64 {
        self.peak.checked_div(self.calls).unwrap_or(0)
    }

    /// Returns what a call allocated on average, in bytes.
    pub fn mean_allocated(&self) -> u64 {
        self.allocated.checked_div(self.calls).unwrap_or(0)
    }

    /// Returns what a call kept on average, in bytes.
    pub fn mean_net(&self) -> i64 {
        self.net.checked_div(self.calls as i64).unwrap_or(0)
    }

    /// Returns how long a call took on average, in µs.
    pub fn mean_duration(&self) -> u64 {
        self.duration_us.checked_div(self.calls).unwrap_or(0)
    }
}

/// The calls of one function in one process, in the order in which they ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trend {
    /// Calls that were the first of their process.
    pub cold: Sums,
    pub warm: Sums,
    /// The warm calls up to the last two powers of two.
    before: Sums,
    last: Sums,
}

impl Trend {
    /// Adds a call.
    pub fn add(&mut self, call: Sums, is_cold: bool) {
        if is_cold {
            return self.cold.add(&call);
        }
        self.warm.add(&call);
        if self.warm.calls.is_power_of_two() {
            self.before = self.last;
            self.last = self.warm;
        }
    }

    /// Adds the calls of another process. Their earlier and later parts are put together.
    pub fn merge(&mut self, other: &Trend) {
        self.cold.add(&other.cold);
        self.warm.add(&other.warm);
        self.before.add(&other.before);
        self.last.add(&other.last);
    }

    /// Returns the earlier calls and the later ones, which are at least half of them; `None` if there are too
    /// few.
    pub fn parts(&self) -> Option<(Sums, Sums)> {
        const ENOUGH: u64 = 4;
        (self.before.calls >= ENOUGH).then(|| (self.before, self.warm.since(&self.before)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_part_is_at_least_half_of_the_calls() {
        let mut trend = Trend::default();
        trend.add(Sums { calls: 1, peak: 1000, ..Sums::default() }, true);
        for call in 1..=100_u64 {
            trend.add(Sums { calls: 1, peak: call, ..Sums::default() }, false);
            if let Some((early, late)) = trend.parts() {
                assert_eq!(early.calls + late.calls, call);
                assert!(late.calls * 2 >= call, "{call}: {late:?}");
                assert!(late.mean_peak() > early.mean_peak());
            } else {
                assert!(call < 8, "{call}");
            }
        }
        assert_eq!((trend.cold.calls, trend.cold.mean_peak()), (1, 1000));
    }
}
