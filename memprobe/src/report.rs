//! The totals, as a value for programs and a table for people.

use std::fmt;
use std::ptr;

use crate::event::Scaled;
use crate::meter::Quiet;
use crate::site::{self, BUCKETS, Outcome, Segment, Site, Totals, middle};

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

    fn add(&mut self, segment: &Segment, totals: &Totals) {
        self.count += totals.hits;
        self.allocated = self.allocated.wrapping_add(totals.bytes.allocated);
        self.freed = self.freed.wrapping_add(totals.bytes.freed);
        self.self_allocated = self.self_allocated.wrapping_add(totals.own.allocated);
        self.self_freed = self.self_freed.wrapping_add(totals.own.freed);
        self.peak = self.peak.max(totals.peak);
        self.level = self.level.max(totals.level);
        self.peaks.add(totals.hits, &segment.distribution(|both| &both.peak));
        self.allocations.add(totals.hits, &segment.distribution(|both| &both.allocated));
    }
}

/// How often which value was seen. A value is known to within 12.5 %.
#[derive(Clone, Debug)]
pub struct Distribution {
    total: u64,
    counts: Box<[u64; BUCKETS]>,
}

impl Default for Distribution {
    fn default() -> Self {
        Distribution { total: 0, counts: Box::new([0; BUCKETS]) }
    }
}

impl Distribution {
    /// Values that are 0 on both sides are not in the buckets, only in the total.
    fn add(&mut self, total: u64, counts: &[u64; BUCKETS]) {
        self.total += total;
        for (sum, count) in self.counts.iter_mut().zip(counts) {
            *sum += count;
        }
    }

    /// The value that `q` (0 to 1) of all values do not exceed, in bytes, at most 12.5 % off;
    /// `None` if there was no value.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        if self.total == 0 {
            return None;
        }
        let rank = ((q.clamp(0.0, 1.0) * self.total as f64).ceil() as u64).max(1);
        let counted: u64 = self.counts.iter().sum();
        let mut seen = self.total.saturating_sub(counted);
        if seen >= rank {
            return Some(0);
        }
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Some(middle(bucket));
            }
        }
        self.counts.iter().rposition(|&count| count > 0).map(middle)
    }
}

/// The totals up to now. Calls that still run are in the segments that they have finished.
///
/// ```
/// println!("{}", memprobe::report());
/// ```
pub fn report() -> Report {
    let _quiet = Quiet::begin();
    let mut functions: Vec<(&'static Site, Function)> = Vec::new();
    for segment in site::segments() {
        let totals = segment.totals();
        if totals.hits == 0 {
            continue;
        }
        let site = segment.from.site;
        let at =
            functions.iter().position(|(other, _)| ptr::eq(*other, site)).unwrap_or_else(|| {
                functions.push((site, Function::new(site.name())));
                functions.len() - 1
            });
        functions[at].1.add(site, segment, &totals);
    }
    let mut functions: Vec<Function> =
        functions.into_iter().map(|(_, function)| function).collect();
    for function in &mut functions {
        function.segments.sort_by_key(|segment| std::cmp::Reverse(segment.figures.level));
    }
    functions.sort_by_key(|function| std::cmp::Reverse(function.calls.level));
    Report { functions }
}

/// Starts all totals anew. A call that is running then counts from its next point on.
pub fn reset() {
    site::reset();
}

impl Function {
    fn new(name: &'static str) -> Function {
        Function {
            name,
            outcomes: Outcomes::default(),
            calls: Figures::default(),
            segments: Vec::new(),
        }
    }

    fn add(&mut self, site: &'static Site, segment: &'static Segment, totals: &Totals) {
        let is_call = segment.whole || ptr::eq(segment.from, site.start());
        for (outcome, count) in [
            (Outcome::Returned, &mut self.outcomes.returned),
            (Outcome::Panicked, &mut self.outcomes.panicked),
            (Outcome::Cancelled, &mut self.outcomes.cancelled),
        ] {
            let ends = segment.ends(site.end(outcome)) || segment.ends(site.whole(outcome));
            if is_call && ends {
                *count += totals.hits;
                self.calls.add(segment, totals);
            }
        }
        if segment.whole {
            return;
        }
        let is_direct = is_call && Outcome::ALL.iter().any(|&o| segment.ends(site.end(o)));
        if !is_direct {
            self.calls.self_allocated += totals.own.allocated;
            self.calls.self_freed += totals.own.freed;
        }
        let same = |other: &SegmentTotals| {
            (other.from, other.label) == (segment.from.after, segment.label)
        };
        let at = self.segments.iter().position(same).unwrap_or_else(|| {
            self.segments.push(SegmentTotals {
                from: segment.from.after,
                label: segment.label,
                figures: Figures::default(),
            });
            self.segments.len() - 1
        });
        self.segments[at].figures.add(segment, totals);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
