//! The report, the process and the running calls as raw numbers, for programs.
//!
//! `Serialize` is implemented by hand: a derived one would need an attribute on each figure that
//! may be absent, and would lack figures that are computed from others.

use std::time::Duration;

use serde_core::ser::{Serialize, SerializeMap, Serializer};

use crate::report::distribution::Distribution;
use crate::report::verdicts::{Churn, Growth, Owned, Pressure, Verdict, Verdicts};
use crate::report::{
    Figures, FirstCall, Function, Node, NodeSegment, Outcomes, Pass, Report, Sample, SegmentTotals,
    Steady,
};
use crate::values::in_flight::InFlight;
use crate::values::process::{Heap, Limit, Process};

/// Implements `Serialize` as a map of entries that are always there, and of those that may be
/// absent.
macro_rules! serialize {
    ($self:ident: $type:ty {
        $($name:literal: $value:expr,)*
        $(maybe { $($maybe:literal: $option:expr,)* })?
    }) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                const ALWAYS: &[&str] = &[$($name),*];
                let $self = self;
                let there = 0_usize $($(+ usize::from($option.is_some()))*)?;
                let mut map = serializer.serialize_map(Some(ALWAYS.len() + there))?;
                $(map.serialize_entry($name, &$value)?;)*
                $($(if let Some(value) = &$option {
                    map.serialize_entry($maybe, value)?;
                })*)?
                map.end()
            }
        }
    };
}

// It comes after the macro that it uses.
mod live;

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

serialize!(report: Report {
    "memprobe": env!("CARGO_PKG_VERSION"),
    "elapsed_us": micros(report.elapsed),
    "verdicts": report.verdicts(),
    "process": report.process,
    "functions": report.functions,
    "tree": report.tree,
    "folded_calls": report.folded_calls,
    "timeline": report.timeline,
    maybe {
        "live": report.live,
    }
});

serialize!(function: Function {
    "name": function.name,
    "outcomes": function.outcomes,
    "peaks": function.peaks,
    "allocations": function.allocations,
    "segments": function.segments,
    "carried": function.carried,
    maybe {
        "max_concurrent": function.max_concurrent,
        "max_concurrent_exact": function.max_concurrent.map(|_| function.max_concurrent_exact),
        "pressure": function.pressure(),
        "figures": function.of_ended_calls(),
        "first_call": function.first_call,
    }
});

serialize!(cold: FirstCall {
    "peak": cold.peak,
    "allocated": cold.allocated,
});

serialize!(segment: SegmentTotals {
    "from": segment.from,
    "label": segment.label,
    "count": segment.count,
    "peaks": segment.peaks,
    "allocations": segment.allocations,
    maybe {
        "figures": segment.figures,
    }
});

serialize!(node: Node {
    "function": node.function,
    "outcomes": node.outcomes,
    "segments": node.segments,
    "carried": node.carried,
    "children": node.children,
    maybe {
        "figures": node.of_ended_calls(),
        "live": node.live,
    }
});

serialize!(segment: NodeSegment {
    "from": segment.from,
    "label": segment.label,
    "count": segment.count,
    maybe {
        "figures": segment.figures,
    }
});

serialize!(outcomes: Outcomes {
    "returned": outcomes.returned,
    "panicked": outcomes.panicked,
    "cancelled": outcomes.cancelled,
    "closed": outcomes.closed,
});

serialize!(figures: Figures {
    "allocated": figures.allocated,
    "freed": figures.freed,
    "net": figures.net(),
    "self_allocated": figures.self_allocated,
    "self_freed": figures.self_freed,
    "self_net": figures.self_net(),
    "peak": figures.peak,
    "high_water": figures.high_water,
    maybe {
        "self_peak": figures.self_peak,
        "steady": figures.steady,
    }
});

serialize!(steady: Steady {
    "calls": steady.calls,
    "net": steady.net,
    "per_call": steady.per_call(),
});

serialize!(distribution: Distribution {
    "count": distribution.count(),
    maybe {
        "p50": distribution.quantile(0.5),
        "p95": distribution.quantile(0.95),
        "p99": distribution.quantile(0.99),
    }
});

serialize!(sample: Sample {
    "uptime_us": sample.uptime_us,
    "function": sample.function,
    "label": sample.label,
    maybe {
        "rss": sample.rss,
        "allocated": sample.allocated,
        "largest": sample.largest,
    }
});

serialize!(pass: Pass {
    "function": pass.function,
    "from": pass.from,
    "label": pass.label,
    "net": pass.net,
    "peak": pass.peak,
});

serialize!(process: Process {
    maybe {
        "heap": process.heap,
        "rss": process.rss,
        "peak_rss": process.peak_rss,
        "limit": process.limit,
        "cgroup_usage": process.cgroup_usage,
        "cgroup_usage_max": process.cgroup_usage_max,
        "address_space_limit": process.address_space_limit,
        "physical_memory": process.physical_memory,
        "used": process.used(),
        "peak_used": process.peak_used(),
    }
});

serialize!(call: InFlight {
    "function": call.function,
    "last_label": call.last_label,
    "age_us": micros(call.age),
    maybe {
        "call_id": call.call_id,
        "held": call.held,
        "net": call.net,
        "peak": call.peak,
    }
});

serialize!(heap: Heap {
    "allocated": heap.allocated,
    "active": heap.active,
    "metadata": heap.metadata,
    "resident": heap.resident,
    "mapped": heap.mapped,
    "retained": heap.retained,
});

serialize!(limit: Limit {
    "bytes": limit.bytes,
    "source": limit.source.to_string(),
});

serialize!(verdicts: Verdicts {
    "pressure": verdicts.pressure,
    "growing": verdicts.growing,
    "churn": verdicts.churn,
});

/// Serializes as `{"found": …}`, as `{"undecided": [candidates]}`, as `{"unknown": "why"}`, or
/// as `{}` for `Nothing`.
impl<T: Serialize> Serialize for Verdict<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Verdict::Found(found) => map.serialize_entry("found", found)?,
            Verdict::Unknown(why) => map.serialize_entry("unknown", why)?,
            Verdict::Undecided(candidates) => map.serialize_entry("undecided", candidates)?,
            Verdict::Nothing => {}
        }
        map.end()
    }
}

serialize!(pressure: Pressure {
    "function": pressure.function,
    "path": pressure.path,
    "peak": pressure.peak,
    "bytes": pressure.bytes,
    maybe {
        "max_concurrent": pressure.max_concurrent,
        "max_concurrent_exact": pressure.max_concurrent.map(|_| pressure.max_concurrent_exact),
        "segment": pressure.segment,
    }
});

serialize!(growing: Growth {
    "path": growing.path,
    "steady": growing.steady,
    maybe {
        "growth_per_second": growing.growth_per_second,
        "time_to_limit_us": growing.time_to_limit.map(micros),
        "owned": growing.owned,
    }
});

serialize!(owned: Owned {
    "owner": owned.kind.key(),
    "rise": owned.rise,
    maybe {
        "after": owned.after,
    }
});

serialize!(churn: Churn {
    "path": churn.path,
    "allocated": churn.allocated,
    "needed": churn.needed,
    "ratio": churn.ratio(),
});

#[cfg(feature = "json")]
impl Report {
    /// Writes the report as JSON, with the feature `json`. [The crate's
    /// documentation](crate#the-report) describes the keys.
    ///
    /// # Errors
    ///
    /// Returns the first error of the writer.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let mut json = Vec::new();
    /// memprobe::report().write_json(&mut json)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn write_json(&self, mut out: impl std::io::Write) -> std::io::Result<()> {
        serde_json::to_writer_pretty(&mut out, self)?;
        out.write_all(b"\n")
    }
}

#[cfg(all(test, feature = "enabled", feature = "json"))]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use crate::report::Report;
    use crate::report::sample_reports::{KIB, MIB, calls, hot_spots, report};
    use crate::values::in_flight::InFlight;

    fn value(report: &Report) -> Value {
        let mut written = Vec::new();
        report.write_json(&mut written).expect("memory");
        serde_json::from_slice(&written).expect("JSON")
    }

    #[test]
    fn numbers_are_raw_and_what_is_absent_has_no_key() {
        let mut report = report(&[calls("load", 10, MIB, 2 * MIB, 1)]);
        report.functions[0].max_concurrent = None;
        report.functions[0].first_call = None;
        let value = value(&report);
        let load = &value["functions"][0];
        assert_eq!(
            load["figures"],
            json!({
                "allocated": 10 * MIB, "freed": 10 * MIB - 10, "net": 10,
                "self_allocated": 10 * MIB, "self_freed": 10 * MIB - 10, "self_net": 10,
                "peak": 2 * MIB, "high_water": 2 * MIB, "self_peak": 2 * MIB,
                "steady": { "calls": 5, "net": 5, "per_call": 1 },
            })
        );
        assert_eq!(load["peaks"]["p99"], json!(2 * MIB));
        assert_eq!(
            load["outcomes"],
            json!({ "returned": 10, "panicked": 0, "cancelled": 0, "closed": 0 })
        );
        assert_eq!(load.get("max_concurrent"), None);
        assert_eq!(load.get("cold"), None);
        assert_eq!(value["process"].get("rss"), None);
        assert_eq!(value["tree"][0]["figures"], load["figures"]);
    }

    #[test]
    fn a_function_without_an_ended_call_has_no_figures() {
        let value = value(&report(&[calls("running", 0, 0, 0, 0)]));
        for row in [&value["functions"][0], &value["tree"][0]] {
            assert_eq!((row.get("figures"), row.get("pressure")), (None, None), "{row}");
        }
    }

    #[test]
    fn a_call_that_runs_has_its_age_in_microseconds() {
        let mut call = InFlight {
            function: "app::upload",
            call_id: Some(17),
            last_label: "decoded",
            age: Duration::from_millis(217),
            held: Some(1 << 20),
            net: Some(-5),
            peak: Some(8 << 20),
        };
        assert_eq!(
            serde_json::to_value(call).expect("JSON"),
            json!({
                "function": "app::upload", "call_id": 17, "last_label": "decoded", "age_us": 217_000,
                "held": MIB, "net": -5, "peak": 8 * MIB,
            })
        );
        (call.call_id, call.held, call.net, call.peak) = (None, None, None, None);
        assert_eq!(
            serde_json::to_value(call).expect("JSON"),
            json!({ "function": "app::upload", "last_label": "decoded", "age_us": 217_000 })
        );
    }

    #[test]
    fn the_verdicts_are_in_it() {
        let value = value(&hot_spots());
        let verdicts = &value["verdicts"];
        assert_eq!(verdicts["pressure"]["found"]["bytes"], json!(100 * MIB));
        let growing = &verdicts["growing"]["found"];
        assert_eq!(growing["path"], json!(["app::handler", "app::Cache::remember"]));
        assert_eq!(growing["steady"]["per_call"], json!(64 * KIB));
        assert_eq!(verdicts["churn"]["found"]["path"][1], json!("app::parse"));
        assert_eq!(value["process"]["limit"]["bytes"], json!(512 * MIB));
        assert_eq!(value["timeline"][4]["label"], json!("decoded"));
        assert_eq!(value["elapsed_us"], json!(10_000_000));
        let nothing = self::value(&report(&[calls("idle", 10, 0, 0, 0)]));
        assert_eq!(nothing["verdicts"]["churn"], json!({}));
        let unknown = self::value(&Report::default());
        assert!(unknown["verdicts"]["churn"]["unknown"].is_string());
    }
}
