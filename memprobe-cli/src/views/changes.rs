//! What changed from one run to another, by function.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Write};

use memprobe::__builder::{HumanBytes, SignedBytes, short};
use serde_json::json;

use crate::views::Names;

/// A figure of a function in two runs, in bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub function: String,
    pub figure: &'static str,
    pub before: i64,
    pub after: i64,
}

impl Changes {
    /// Returns the runs that did not end in the ordinary way, each with its name.
    fn ends(&self) -> impl Iterator<Item = (&'static str, &End)> {
        let ends = [("the run before", &self.end_before), ("the run after", &self.end_after)];
        ends.into_iter().filter(|(_, end)| !end.is_ordinary())
    }
}

impl Change {
    /// Returns how much more there is, in bytes.
    pub fn by(&self) -> i64 {
        self.after.saturating_sub(self.before)
    }

    /// Returns how much more there is, in percent of before; `None` if that was nothing.
    pub fn percent(&self) -> Option<f64> {
        (self.before != 0).then(|| self.by() as f64 / self.before.unsigned_abs() as f64 * 100.0)
    }

    fn percent_shown(&self) -> String {
        self.percent().map_or("new".into(), |percent| format!("{percent:+.1}%"))
    }
}

/// A function that only one of the runs has, and its peak in bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct OnlyIn {
    pub function: String,
    pub peak: Option<i64>,
}

impl fmt::Display for OnlyIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.function)?;
        self.peak.map_or(Ok(()), |peak| write!(f, " (peak {})", signed(peak)))
    }
}

/// How the processes of a run ended, as far as a log tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct End {
    /// What says so of each process that was killed.
    pub killed: Vec<String>,
    /// Functions with calls that never ended.
    pub never_ended: BTreeSet<String>,
}

impl End {
    fn is_ordinary(&self) -> bool {
        self.killed.is_empty() && self.never_ended.is_empty()
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(first) = self.killed.first() {
            write!(f, "was killed ({first}")?;
            if self.killed.len() > 1 {
                write!(f, ", and {} more", self.killed.len() - 1)?;
            }
            f.write_str(")")?;
        }
        if !self.never_ended.is_empty() {
            let names: Vec<String> =
                self.never_ended.iter().map(|function| short(function).to_string()).collect();
            let and = if self.killed.is_empty() { "" } else { "; " };
            write!(f, "{and}has calls that never ended: {}", list(&names))?;
        }
        Ok(())
    }
}

/// The comparison of two runs.
#[allow(clippy::struct_field_names, reason = "it is the list of them")]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// The biggest change first.
    pub changes: Vec<Change>,
    /// Functions that only one of the runs has.
    pub only_before: Vec<OnlyIn>,
    pub only_after: Vec<OnlyIn>,
    pub end_before: End,
    pub end_after: End,
    /// Functions that both have.
    pub both: usize,
    /// Smaller changes are left out, in bytes.
    pub least: u64,
}

/// Most lines of a list.
const LISTED: usize = 40;

/// Writes the changes for a terminal.
///
/// # Errors
///
/// Those of the writer.
pub fn text(changes: &Changes, out: &mut impl Write) -> io::Result<()> {
    for (run, end) in changes.ends() {
        writeln!(out, "{run} {end}")?;
    }
    if changes.changes.is_empty() {
        writeln!(
            out,
            "no change of {} or more: {}",
            HumanBytes(changes.least),
            unchanged(changes)
        )?;
    } else {
        writeln!(
            out,
            "{:40} {:12}{:>12}{:>12}{:>13}{:>10}",
            "function", "figure", "before", "after", "change", ""
        )?;
    }
    let names = Names::of(changes.changes.iter().map(|change| &*change.function));
    for change in changes.changes.iter().take(LISTED) {
        writeln!(
            out,
            "{:40} {:12}{:>12}{:>12}{:>13}{:>10}",
            names.show(&change.function),
            change.figure,
            signed(change.before),
            signed(change.after),
            SignedBytes(change.by()).to_string(),
            change.percent_shown()
        )?;
    }
    if changes.changes.len() > LISTED {
        writeln!(out, "{} more", changes.changes.len() - LISTED)?;
    }
    for (what, functions) in
        [("only before", &changes.only_before), ("only after", &changes.only_after)]
    {
        if !functions.is_empty() {
            let functions: Vec<String> = functions.iter().map(OnlyIn::to_string).collect();
            writeln!(out, "{what}: {}", list(&functions))?;
        }
    }
    Ok(())
}

/// Writes the changes as Markdown.
///
/// # Errors
///
/// Those of the writer.
pub fn markdown(changes: &Changes, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "### Memory\n")?;
    for (run, end) in changes.ends() {
        writeln!(out, "- **{run}** {}", super::markdown::escaped(&end.to_string()))?;
    }
    if !(changes.end_before.is_ordinary() && changes.end_after.is_ordinary()) {
        writeln!(out)?;
    }
    if changes.changes.is_empty() {
        writeln!(out, "No change: {}.", unchanged(changes))?;
    } else {
        writeln!(out, "| function | figure | before | after | change | |")?;
        writeln!(out, "|---|---|--:|--:|--:|--:|")?;
    }
    for change in changes.changes.iter().take(LISTED) {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} |",
            super::markdown::code(&change.function),
            change.figure,
            signed(change.before),
            signed(change.after),
            SignedBytes(change.by()),
            change.percent_shown()
        )?;
    }
    if changes.changes.len() > LISTED {
        writeln!(out, "\n{} more.", changes.changes.len() - LISTED)?;
    }
    for (what, functions) in
        [("Only before", &changes.only_before), ("Only after", &changes.only_after)]
    {
        if !functions.is_empty() {
            let names: Vec<String> =
                functions.iter().map(|it| super::markdown::code(&it.to_string())).collect();
            writeln!(out, "\n{what}: {}.", list(&names))?;
        }
    }
    Ok(())
}

/// Writes the changes as JSON.
///
/// # Errors
///
/// Those of the writer.
pub fn json(changes: &Changes, out: &mut impl Write) -> io::Result<()> {
    let all: Vec<_> = changes
        .changes
        .iter()
        .map(|change| {
            json!({
                "function": change.function, "figure": change.figure, "before": change.before,
                "after": change.after, "change": change.by(), "percent": change.percent(),
            })
        })
        .collect();
    let names = |functions: &[OnlyIn]| -> Vec<String> {
        functions.iter().map(|it| it.function.clone()).collect()
    };
    let ended = |end: &End| json!({ "killed": end.killed, "never_ended": end.never_ended });
    let value = json!({
        "changes": all, "only_before": names(&changes.only_before),
        "only_after": names(&changes.only_after),
        "both": changes.both,
        "before": ended(&changes.end_before), "after": ended(&changes.end_after),
    });
    serde_json::to_writer_pretty(&mut *out, &value)?;
    writeln!(out)
}

fn unchanged(changes: &Changes) -> String {
    match changes.both {
        1 => "the one function that both have needs what it needed".into(),
        both => format!("the {both} functions that both have need what they needed"),
    }
}

fn signed(bytes: i64) -> String {
    match bytes {
        0.. => HumanBytes(bytes.unsigned_abs()).to_string(),
        _ => SignedBytes(bytes).to_string(),
    }
}

fn list(names: &[String]) -> String {
    let shown = names.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(LISTED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
