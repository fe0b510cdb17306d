//! The metrics of the process.

use std::collections::HashSet;

use metrics::{counter, gauge};

use crate::runtime::metrics::differences::risen;
use crate::runtime::metrics::names;
use crate::runtime::readings::system;
use crate::runtime::watch::monitor;
use crate::values::process::Process;

/// What was handed over of the process.
#[derive(Default)]
pub(super) struct Gauges {
    set: HashSet<&'static str>,
    watch_reports: Vec<u64>,
}

impl Gauges {
    pub fn hand_over(&mut self) {
        for (name, figure) in figures(&system::process()) {
            self.set(name, figure);
        }
        for (index, (percent, reports)) in monitor::reports().enumerate() {
            if index == self.watch_reports.len() {
                self.watch_reports.push(0);
            }
            let more = risen(&mut self.watch_reports[index], reports);
            counter!(names::WATCH_REPORTS, "threshold" => percent.to_string()).increment(more);
        }
    }

    /// Sets a gauge. One that was set before, and whose figure cannot be had any more, must not keep
    /// its last value.
    fn set(&mut self, name: &'static str, figure: Option<f64>) {
        match figure {
            Some(figure) => {
                self.set.insert(name);
                gauge!(name).set(figure);
            }
            None if self.set.contains(name) => gauge!(name).set(f64::NAN),
            None => {}
        }
    }
}

fn figures(process: &Process) -> [(&'static str, Option<f64>); 11] {
    let bytes = |figure: Option<u64>| figure.map(|bytes| bytes as f64);
    let limit = process.limit.as_ref().map(|limit| limit.bytes);
    let heap = process.heap.as_ref();
    [
        (names::RSS, bytes(process.rss)),
        (names::USED, bytes(process.used())),
        (names::PEAK_USED, bytes(process.peak_used())),
        (names::LIMIT, bytes(limit)),
        (names::UTILIZATION, process.utilization()),
        (names::JEMALLOC_ALLOCATED, bytes(heap.map(|heap| heap.allocated))),
        (names::JEMALLOC_ACTIVE, bytes(heap.map(|heap| heap.active))),
        (names::JEMALLOC_METADATA, bytes(heap.map(|heap| heap.metadata))),
        (names::JEMALLOC_RESIDENT, bytes(heap.map(|heap| heap.resident))),
        (names::JEMALLOC_MAPPED, bytes(heap.map(|heap| heap.mapped))),
        (names::JEMALLOC_RETAINED, bytes(heap.map(|heap| heap.retained))),
    ]
}

impl Process {
    /// Returns the part of the limit that is in use. For a limit of a cgroup there is none if the
    /// usage could not be read, because RSS is no part of what the cgroup counts.
    fn utilization(&self) -> Option<f64> {
        let limit = self.limit.as_ref().filter(|limit| limit.bytes > 0)?;
        let is_part = !self.is_limited_by_cgroup() || self.cgroup_usage.is_some();
        self.used().filter(|_| is_part).map(|used| used as f64 / limit.bytes as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::process::{Limit, LimitSource};

    #[test]
    fn use_is_a_part_of_the_limit_only_where_the_limit_counts_it() {
        let mut process = Process { rss: Some(90), ..Process::default() };
        assert_eq!(process.utilization(), None, "no limit");
        process.limit = Some(Limit::from_bytes(100));
        assert_eq!(process.utilization(), Some(0.9));
        process.limit = Some(Limit { bytes: 100, source: LimitSource::Cgroup("f".into()) });
        assert_eq!(process.utilization(), None, "the cgroup's use is not known");
        process.cgroup_usage = Some(50);
        assert_eq!(process.utilization(), Some(0.5));
        let figures = figures(&process);
        let known: Vec<_> = figures.iter().filter(|(_, figure)| figure.is_some()).collect();
        assert_eq!(known.len(), 5, "and none of jemalloc: {known:?}");
    }
}
