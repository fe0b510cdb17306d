//! Hands the totals over to the recorder of the crate `metrics`, when the program asks for it.
//!
//! 1. [`functions`] takes the totals of functions and segments, and hands over what has come since
//!    the last time ([`differences`]). [`series`] keeps the number of label values bounded.
//! 2. [`process`] hands over the figures of the process.
//! 3. [`names`] has the names, units and descriptions of all metrics.
//!
//! Nothing of it runs in a call: the hot path knows of no metrics.

mod differences;
mod functions;
mod names;
mod process;
mod series;

use crate::runtime::calls::stack;
use crate::runtime::metrics::functions::HandedOver;
use crate::runtime::metrics::process::Gauges;
use crate::runtime::metrics::series::Bounds;
use crate::runtime::readings::fork;
use crate::runtime::readings::thread::{self, IgnoreAllocs};
use crate::runtime::sync::Mutex;

/// Hands over to the recorder of the crate [`metrics`](::metrics) what memprobe has counted.
///
/// A call of an annotated function costs nothing more for it, with a recorder or without: all work
/// is in [`collect`](Collector::collect), which belongs before each scrape, push or flush.
///
/// # Examples
///
/// ```
/// let collector = memprobe::metrics::Collector::new();
/// // Once, after the recorder is installed.
/// collector.describe();
/// // Before each scrape.
/// collector.collect();
/// ```
///
/// # Metrics
///
/// | metric | type | unit | labels |
/// |---|---|---|---|
/// | `memprobe.calls` | counter | calls | `function`, `outcome` (`returned`, `panicked`, `cancelled`; `closed` for spans) |
/// | `memprobe.calls.active` | gauge | calls | `function` |
/// | `memprobe.call.peak` | histogram | bytes | `function` |
/// | `memprobe.call.allocated` | histogram | bytes | `function` |
/// | `memprobe.call.peak.max` | gauge | bytes | `function` |
/// | `memprobe.function.allocated` | counter | bytes | `function` |
/// | `memprobe.function.freed` | counter | bytes | `function` |
/// | `memprobe.function.net` | gauge | bytes | `function` |
/// | `memprobe.segment.peak` | histogram | bytes | `function`, `segment` (`entry -> decoded`) |
/// | `memprobe.segment.allocated` | histogram | bytes | `function`, `segment` |
/// | `memprobe.segment.net` | gauge | bytes | `function`, `segment` |
/// | `process.memory.usage` | gauge | bytes | |
/// | `memprobe.memory.usage`, `.peak`, `.limit` | gauge | bytes | |
/// | `memprobe.memory.utilization` | gauge | 0 to 1 | |
/// | `memprobe.jemalloc.allocated`, `.active`, `.metadata`, `.resident`, `.mapped`, `.retained` | gauge | bytes | |
/// | `memprobe.watch.reports` | counter | reports | `threshold` (percent) |
/// | `memprobe.values.left_out` | counter | values | |
///
/// Bytes include nested calls, as in [`Figures`](crate::report::Figures). `memprobe.function.net` is a
/// gauge, because a counter cannot fall; its rate is that of `allocated` less that of `freed`. A
/// function without probes has no segments: they would say again what its calls say. Work that was
/// carried out of a call has none either; it is in the segments of its call.
///
/// `process.memory.usage` is OpenTelemetry's name for resident memory. `memprobe.memory.usage` is what
/// counts against the limit ([`Process::used`](crate::Process::used)). A figure that cannot be had is
/// not handed over; a gauge that was, and cannot be had any more, becomes NaN.
///
/// # How exact
///
/// Counters and gauges are exact. Histograms are handed over from memprobe's own, as the middles of
/// their buckets, so a value is at most 12.5 % off; [`BUCKETS`](crate::metrics::BUCKETS) are bounds that
/// add no further error. Nothing is counted twice: each call is handed over once, whatever the number
/// of collectors. A call that ends in the very moment of a collection may be handed over with 0 in place
/// of its value.
///
/// [`reset`](crate::reset()) takes nothing back, but a call that ends while it runs may be handed over
/// never. Who collects needs no `reset`.
///
/// One recorder is served: what was handed over before it was installed, it does not get.
#[derive(Clone, Debug)]
pub struct Collector(Bounds);

impl Default for Collector {
    fn default() -> Collector {
        Collector(Bounds { functions: 100, segments: 200, values: 10_000 })
    }
}

static HANDED_OVER: Mutex<Option<(HandedOver, Gauges)>> = Mutex::new(None);

impl Collector {
    /// Returns a collector for at most 100 functions and 200 segments.
    pub fn new() -> Collector {
        Collector::default()
    }

    /// Sets how many functions have series of their own. Those that come later are added up under
    /// the name `(other)`, and stay there. Functions that come at once are taken by their peak, the
    /// highest first.
    #[must_use]
    pub fn max_functions(mut self, functions: usize) -> Collector {
        self.0.functions = functions;
        self
    }

    /// Sets how many segments have series of their own, of all functions together. Those that come
    /// later are added up as the segment `(other)` of their function. With 0 there are no metrics of
    /// segments.
    #[must_use]
    pub fn max_segments(mut self, segments: usize) -> Collector {
        self.0.segments = segments;
        self
    }

    /// Sets how many values a histogram gets at most in one [`collect`](Collector::collect); 10,000
    /// if it is not set.
    ///
    /// Most recorders take the values of a histogram one by one, and keep them until they are
    /// scraped. Where a function was called more often, each of memprobe's buckets hands over its
    /// share of the values, and at least one, the highest first: quantiles stay, the count falls
    /// behind that of `memprobe.calls`, and `memprobe.values.left_out` says by how much.
    #[must_use]
    pub fn max_values(mut self, values: usize) -> Collector {
        self.0.values = values;
        self
    }

    /// Describes all metrics to the recorder, with their units. Call it once, after the recorder is
    /// installed.
    pub fn describe(&self) {
        let _ignored = IgnoreAllocs::begin();
        names::describe();
    }

    /// Hands over what has been counted since the last time. It takes some µs for each function and
    /// segment, and what the recorder takes.
    ///
    /// It does nothing inside a subscriber or a recorder that memprobe itself has called, and in a child
    /// that was forked while another thread was in `collect` or in [`reset`](crate::reset()).
    pub fn collect(&self) {
        if thread::is_ignoring() {
            return;
        }
        stack::publish_held();
        let _ignored = IgnoreAllocs::begin();
        let Some(mut handed_over) = fork::lock(&HANDED_OVER) else { return };
        let (functions, gauges) = handed_over.get_or_insert_default();
        functions.hand_over(self.0);
        gauges.hand_over();
    }
}
