//! The totals, as a value for programs and a table for people.

use std::fmt;

use crate::distribution::Distribution;
use crate::units::Scaled;

/// What every annotated function has done since the start or the last [`reset`](crate::reset()).
///
/// `Display` prints a table, the functions with the highest peak first.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// Functions, the one with the highest peak first.
    pub functions: Vec<Function>,
}

/// The totals of one function.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Function {
    /// Its path, or the name that its attribute gives.
    pub name: &'static str,
    /// Calls that ended, and how.
    pub outcomes: Outcomes,
    /// The figures of whole calls; `None` where jemalloc is not the global allocator.
    pub figures: Option<Figures>,
    /// From point to point, the one that reached the highest level first.
    pub segments: Vec<SegmentTotals>,
}

/// The totals of one segment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SegmentTotals {
    /// The label it starts at; `entry` for the first.
    pub from: &'static str,
    /// The label it ends at; `return`, `panic` or `cancel` for the last.
    pub label: &'static str,
    /// How often it was passed.
    pub count: u64,
    /// Its figures; `None` where jemalloc is not the global allocator.
    pub figures: Option<Figures>,
}

/// How calls ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcomes {
    /// Calls that returned.
    pub returned: u64,
    /// Calls that ended by a panic.
    pub panicked: u64,
    /// Futures that were dropped before they were done.
    pub cancelled: u64,
}

impl Outcomes {
    /// Calls that ended, in whichever way.
    pub fn calls(&self) -> u64 {
        self.returned + self.panicked + self.cancelled
    }
}

/// Sums over all calls, in bytes; with nested calls unless it says `self`.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Figures {
    /// Bytes allocated, all that was asked for.
    pub allocated: u64,
    /// Bytes freed.
    pub freed: u64,
    /// Bytes allocated without nested annotated calls.
    pub self_allocated: u64,
    /// Bytes freed without nested annotated calls.
    pub self_freed: u64,
    /// Highest net above the start of the segment or call.
    pub peak: u64,
    /// Highest net above the start of the call: what it held before, and the peak.
    pub level: u64,
    /// How the peaks of single calls are distributed.
    pub peaks: Distribution,
    /// How the allocated bytes of single calls are distributed.
    pub allocations: Distribution,
}

impl Figures {
    /// `allocated − freed`: what was kept.
    pub fn net(&self) -> i64 {
        self.allocated.wrapping_sub(self.freed) as i64
    }

    /// What was kept, without nested annotated calls.
    pub fn self_net(&self) -> i64 {
        self.self_allocated.wrapping_sub(self.self_freed) as i64
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if cfg!(not(feature = "enabled")) {
            return f.write_str("memprobe is compiled out: build with its feature `enabled`\n");
        }
        if self.functions.is_empty() {
            return f.write_str("memprobe: no annotated function has finished a call yet\n");
        }
        let heads = ["calls", "peak", "kept", "allocated", "p50 peak", "p99 peak"];
        write!(f, "{:40}", "function, and its segments")?;
        for head in heads {
            write!(f, "{head:>11}")?;
        }
        writeln!(f)?;
        for function in &self.functions {
            row(f, function.name, function.outcomes.calls(), function.figures.as_ref())?;
            // A single segment is the call itself.
            if function.segments.len() > 1 {
                for segment in &function.segments {
                    let name = format!("  {} -> {}", segment.from, segment.label);
                    row(f, &name, segment.count, segment.figures.as_ref())?;
                }
            }
        }
        if self.functions.iter().any(|function| function.figures.is_none()) {
            f.write_str(
                "no bytes: jemalloc is not the global allocator; add \
                 `memprobe::global_allocator!();` to the crate with `main`\n",
            )?;
        }
        Ok(())
    }
}

fn row(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    count: u64,
    figures: Option<&Figures>,
) -> fmt::Result {
    if name.chars().count() > 40 {
        writeln!(f, "{name}")?;
        write!(f, "{:40}", "")?;
    } else {
        write!(f, "{name:40}")?;
    }
    write!(f, "{count:>11}")?;
    if let Some(figures) = figures {
        let sign = if figures.net() < 0 { "-" } else { "" };
        let quantile = |q| figures.peaks.quantile(q).map_or(String::new(), scaled);
        for figure in [
            scaled(figures.level),
            format!("{sign}{}", scaled(figures.net().unsigned_abs())),
            scaled(figures.allocated),
            quantile(0.5),
            quantile(0.99),
        ] {
            write!(f, "{figure:>11}")?;
        }
    }
    writeln!(f)
}

fn scaled(bytes: u64) -> String {
    Scaled(bytes).to_string()
}
