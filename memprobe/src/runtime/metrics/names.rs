//! The metrics: names, units and descriptions.
//!
//! Names follow OpenTelemetry's conventions: lower case with dots, no unit in the name, `usage` of
//! a known `limit`, `utilization` for the part of it. Where OpenTelemetry has a name for what
//! memprobe reads it is that name.

use metrics::Unit;
use metrics::{describe_counter, describe_gauge, describe_histogram};

pub(super) const CALLS: &str = "memprobe.calls";
pub(super) const CALLS_ACTIVE: &str = "memprobe.calls.active";
pub(super) const CALL_PEAK: &str = "memprobe.call.peak";
pub(super) const CALL_ALLOCATED: &str = "memprobe.call.allocated";
pub(super) const CALL_PEAK_MAX: &str = "memprobe.call.peak.max";
pub(super) const FUNCTION_ALLOCATED: &str = "memprobe.function.allocated";
pub(super) const FUNCTION_FREED: &str = "memprobe.function.freed";
pub(super) const FUNCTION_NET: &str = "memprobe.function.net";
pub(super) const SEGMENT_PEAK: &str = "memprobe.segment.peak";
pub(super) const SEGMENT_ALLOCATED: &str = "memprobe.segment.allocated";
pub(super) const SEGMENT_NET: &str = "memprobe.segment.net";
pub(super) const RSS: &str = "process.memory.usage";
pub(super) const USED: &str = "memprobe.memory.usage";
pub(super) const PEAK_USED: &str = "memprobe.memory.peak";
pub(super) const LIMIT: &str = "memprobe.memory.limit";
pub(super) const UTILIZATION: &str = "memprobe.memory.utilization";
pub(super) const JEMALLOC_ALLOCATED: &str = "memprobe.jemalloc.allocated";
pub(super) const JEMALLOC_ACTIVE: &str = "memprobe.jemalloc.active";
pub(super) const JEMALLOC_METADATA: &str = "memprobe.jemalloc.metadata";
pub(super) const JEMALLOC_RESIDENT: &str = "memprobe.jemalloc.resident";
pub(super) const JEMALLOC_MAPPED: &str = "memprobe.jemalloc.mapped";
pub(super) const JEMALLOC_RETAINED: &str = "memprobe.jemalloc.retained";
pub(super) const WATCH_REPORTS: &str = "memprobe.watch.reports";
pub(super) const LEFT_OUT: &str = "memprobe.values.left_out";

const COUNTERS: [(&str, Unit, &str); 5] = [
    (CALLS, Unit::Count, "Calls that ended, by outcome"),
    (FUNCTION_ALLOCATED, Unit::Bytes, "Bytes that calls allocated, nested calls included"),
    (FUNCTION_FREED, Unit::Bytes, "Bytes that calls freed, nested calls included"),
    (WATCH_REPORTS, Unit::Count, "How often the watch reported a threshold"),
    (LEFT_OUT, Unit::Count, "Values that histograms were not given, because there were too many"),
];

const HISTOGRAMS: [(&str, &str); 4] = [
    (CALL_PEAK, "Highest net of a call above its start"),
    (CALL_ALLOCATED, "Bytes that a call allocated"),
    (SEGMENT_PEAK, "Highest net of a segment above its start"),
    (SEGMENT_ALLOCATED, "Bytes that were allocated in one pass of a segment"),
];

const GAUGES: [(&str, Unit, &str); 15] = [
    (CALLS_ACTIVE, Unit::Count, "Calls that run now"),
    (CALL_PEAK_MAX, Unit::Bytes, "Highest peak of any call since the process began"),
    (FUNCTION_NET, Unit::Bytes, "Allocated less freed in calls that ended, nested calls included"),
    (SEGMENT_NET, Unit::Bytes, "Allocated less freed in all passes of a segment"),
    (RSS, Unit::Bytes, "Resident memory of the process"),
    (USED, Unit::Bytes, "Memory that counts against the limit"),
    (PEAK_USED, Unit::Bytes, "The most memory that has counted against the limit"),
    (LIMIT, Unit::Bytes, "The limit at which the process is killed"),
    (UTILIZATION, Unit::Count, "The part of the limit that is in use"),
    (JEMALLOC_ALLOCATED, Unit::Bytes, "jemalloc: bytes allocated by the program"),
    (JEMALLOC_ACTIVE, Unit::Bytes, "jemalloc: bytes in pages with at least one allocation"),
    (JEMALLOC_METADATA, Unit::Bytes, "jemalloc: bytes of its own bookkeeping"),
    (JEMALLOC_RESIDENT, Unit::Bytes, "jemalloc: bytes in resident pages that it maps"),
    (JEMALLOC_MAPPED, Unit::Bytes, "jemalloc: bytes in extents that it has mapped"),
    (JEMALLOC_RETAINED, Unit::Bytes, "jemalloc: bytes in mappings that it keeps for later use"),
];

/// Describes all metrics to the recorder.
pub(super) fn describe() {
    for (name, unit, text) in COUNTERS {
        describe_counter!(name, unit, text);
    }
    for (name, text) in HISTOGRAMS {
        describe_histogram!(name, Unit::Bytes, text);
    }
    for (name, unit, text) in GAUGES {
        describe_gauge!(name, unit, text);
    }
}
