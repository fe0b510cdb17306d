//! The totals, as a value for programs and a table for people.

use std::fmt;

use crate::distribution::Distribution;
use crate::units::Scaled;

/// What every annotated function has done since the start or the last [`reset`].
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
    /// The figures of whole calls.
    pub calls: Figures,
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
    /// Its figures.
    pub figures: Figures,
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

/// Sums over all calls, in bytes; with nested calls unless it says `self`.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Figures {
    /// How many there were.
    pub count: u64,
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
            row(f, function.name, &function.calls)?;
            let only = matches!(&function.segments[..], [one] if one.from == "entry" && one.label == "return");
            for segment in function.segments.iter().filter(|_| !only) {
                let name = format!("  {} -> {}", segment.from, segment.label);
                row(f, &name, &segment.figures)?;
            }
        }
        Ok(())
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, figures: &Figures) -> fmt::Result {
    let sign = if figures.net() < 0 { "-" } else { "" };
    let kept = format!("{sign}{}", Scaled(figures.net().unsigned_abs()));
    let quantile = |q| figures.peaks.quantile(q).map_or(String::new(), |v| Scaled(v).to_string());
    if name.chars().count() > 40 {
        writeln!(f, "{name}")?;
        write!(f, "{:40}", "")?;
    } else {
        write!(f, "{name:40}")?;
    }
    let peak = Scaled(figures.level).to_string();
    let allocated = Scaled(figures.allocated).to_string();
    writeln!(
        f,
        "{:>11}{peak:>11}{kept:>11}{allocated:>11}{:>11}{:>11}",
        figures.count,
        quantile(0.5),
        quantile(0.99),
    )
}
