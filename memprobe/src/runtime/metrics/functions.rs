//! The metrics of functions and segments.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use metrics::{Label, counter, gauge, histogram};

use crate::report::Distribution;
use crate::report::Outcomes;
use crate::runtime::calls::in_flight;
use crate::runtime::metrics::differences::{Counted, risen, thin_out};
use crate::runtime::metrics::names;
use crate::runtime::metrics::series::{AllSeries, Bounds, Series};
use crate::runtime::readings::jemalloc;
use crate::runtime::stats::gather;
use crate::runtime::stats::lifetime::{self, Key, Lifetime, Lifetimes};
use crate::runtime::stats::site::Outcome;

/// What was handed over of each series.
#[derive(Default)]
pub(super) struct HandedOver {
    series: AllSeries,
    of: HashMap<Series, Handed>,
}

#[derive(Default)]
struct Handed {
    outcomes: Outcomes,
    allocated: u64,
    freed: u64,
    peaks: Counted,
    allocations: Counted,
}

impl HandedOver {
    pub fn hand_over(&mut self, bounds: Bounds) {
        let Some(lifetimes) = lifetime::all(gather::functions) else { return };
        let active = self.active(bounds);
        let mut left_out = 0;
        for (series, lifetime) in self.by_series(bounds, &lifetimes) {
            let handed = self.of.entry(series.clone()).or_default();
            let labels = series.labels();
            if series.segment.is_some() {
                left_out += handed.segment(&labels, &lifetime, bounds.values);
            } else {
                left_out += handed.function(&labels, &lifetime, bounds.values);
            }
        }
        let functions = self.of.keys().filter(|series| series.segment.is_none());
        for series in functions.chain(active.keys()).collect::<HashSet<_>>() {
            let calls = active.get(series).copied().unwrap_or(0);
            gauge!(names::CALLS_ACTIVE, series.labels()).set(f64::from(calls));
        }
        counter!(names::LEFT_OUT).increment(left_out);
    }

    /// Returns how many calls run of each function.
    fn active(&mut self, bounds: Bounds) -> HashMap<Series, u32> {
        let mut active = HashMap::new();
        for call in in_flight::list() {
            let key = Key { function: call.function, segment: None };
            *active.entry(self.series.of(key, bounds)).or_default() += 1;
        }
        active
    }

    /// Adds the functions and segments up by series. Those with the highest peak are the first to be
    /// given one.
    fn by_series(&mut self, bounds: Bounds, lifetimes: &Lifetimes) -> BTreeMap<Series, Lifetime> {
        let probed: HashSet<_> =
            lifetimes.keys().filter(|key| is_probed(key)).map(|key| key.function).collect();
        let is_shown = |key: &Key| {
            key.segment.is_none() || bounds.segments > 0 && probed.contains(key.function)
        };
        let mut keys: Vec<_> = lifetimes.iter().filter(|(key, _)| is_shown(key)).collect();
        keys.sort_by_key(|(key, lifetime)| (key.segment.is_some(), Reverse(lifetime.peak), **key));
        let mut by_series = BTreeMap::<Series, Lifetime>::new();
        for (key, lifetime) in keys {
            by_series.entry(self.series.of(*key, bounds)).or_default().merge(lifetime);
        }
        by_series
    }
}

/// Whether this is a segment that begins or ends at a probe.
fn is_probed(key: &Key) -> bool {
    let is_end = |label| ["return", "panic", "cancel", "close"].contains(&label);
    key.segment.is_some_and(|(from, label)| from != "entry" || !is_end(label))
}

impl Handed {
    /// Returns how many values were left out, as [`segment`](Handed::segment) does.
    fn function(&mut self, labels: &[Label], lifetime: &Lifetime, most: usize) -> u64 {
        let (before, now) = (&mut self.outcomes, &lifetime.outcomes);
        let calls = [
            (Outcome::Returned, risen(&mut before.returned, now.returned)),
            (Outcome::Panicked, risen(&mut before.panicked, now.panicked)),
            (Outcome::Cancelled, risen(&mut before.cancelled, now.cancelled)),
            (Outcome::Closed, risen(&mut before.closed, now.closed)),
        ];
        // Only spans are closed.
        let is_possible = |outcome| outcome != Outcome::Closed || now.closed > 0;
        for (outcome, calls) in calls.into_iter().filter(|(outcome, _)| is_possible(*outcome)) {
            let mut labels = labels.to_vec();
            labels.push(Label::from_static_parts("outcome", outcome.name()));
            counter!(names::CALLS, labels).increment(calls);
        }
        if !jemalloc::is_global() {
            return 0;
        }
        let allocated = risen(&mut self.allocated, lifetime.allocated);
        let freed = risen(&mut self.freed, lifetime.freed);
        counter!(names::FUNCTION_ALLOCATED, labels.iter()).increment(allocated);
        counter!(names::FUNCTION_FREED, labels.iter()).increment(freed);
        gauge!(names::FUNCTION_NET, labels.iter()).set(lifetime.net() as f64);
        gauge!(names::CALL_PEAK_MAX, labels.iter()).set(lifetime.peak as f64);
        self.distributions([names::CALL_PEAK, names::CALL_ALLOCATED], labels, lifetime, most)
    }

    fn segment(&mut self, labels: &[Label], lifetime: &Lifetime, most: usize) -> u64 {
        if !jemalloc::is_global() {
            return 0;
        }
        gauge!(names::SEGMENT_NET, labels.iter()).set(lifetime.net() as f64);
        self.distributions([names::SEGMENT_PEAK, names::SEGMENT_ALLOCATED], labels, lifetime, most)
    }

    fn distributions(
        &mut self,
        [peak, allocated]: [&'static str; 2],
        labels: &[Label],
        lifetime: &Lifetime,
        most: usize,
    ) -> u64 {
        record(peak, labels, &mut self.peaks, &lifetime.peaks, most)
            + record(allocated, labels, &mut self.allocations, &lifetime.allocations, most)
    }
}

/// Hands the new values of a distribution over; returns how many were left out.
fn record(
    name: &'static str,
    labels: &[Label],
    counted: &mut Counted,
    distribution: &Distribution,
    most: usize,
) -> u64 {
    let mut values = counted.new_values(distribution);
    if values.is_empty() {
        return 0;
    }
    let left_out = thin_out(&mut values, most);
    let histogram = histogram!(name, labels.iter());
    for (value, count) in values {
        histogram.record_many(value as f64, count as usize);
    }
    left_out
}
