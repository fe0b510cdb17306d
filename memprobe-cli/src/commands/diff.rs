//! `memprobe diff`: two runs or two days.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use memprobe::Report;
use serde_json::Value;

use crate::args::{Diff, Which};
use crate::commands::{empty_model, read};
use crate::model::{By, Heaviest, Order, groups};
use crate::views::changes::{self, Change, Changes, OnlyIn};

/// The figures of a function that are compared, in bytes.
type Figures = BTreeMap<&'static str, i64>;
/// The functions of a run.
type Run = BTreeMap<String, Figures>;

/// Runs the command.
///
/// # Errors
///
/// Those of reading and writing, and why the two cannot be compared.
pub fn run(args: &Diff) -> io::Result<ExitCode> {
    let before = load(&args.before, &args.which)?;
    let after = load(&args.after, &args.which)?;
    let changes = compare(&before, &after, args.least);
    if changes.both == 0 {
        return Err(io::Error::other(format!(
            "cannot compare: no function is in both; {} has {}, {} has {}",
            args.before.display(),
            some(&before),
            args.after.display(),
            some(&after)
        )));
    }
    let mut out = BufWriter::new(io::stdout().lock());
    if args.json {
        changes::json(&changes, &mut out)?;
    } else if args.markdown {
        changes::markdown(&changes, &mut out)?;
    } else {
        changes::text(&changes, &mut out)?;
    }
    out.flush()?;
    drop(out);
    let Some(over) = args.fail_over else { return Ok(ExitCode::SUCCESS) };
    let worse: Vec<&Change> = changes.changes.iter().filter(|one| is_over(one, over)).collect();
    for change in &worse {
        let by = change.percent().map_or("from nothing".into(), |by| format!("by {by:.1} %"));
        eprintln!("memprobe: {}: {} has grown {by}", change.function, change.figure);
    }
    Ok(if worse.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// The figure that comes out of a histogram.
const MEDIAN: &str = "median peak";

/// Whether two medians differ by more than the histogram's buckets may make of equal ones: each is at
/// most 12.5 % off.
fn is_beyond_a_bucket(before: i64, after: i64) -> bool {
    let (less, more) = (before.min(after) as f64, before.max(after) as f64);
    more * 0.875 > less * 1.125
}

/// Whether a figure has grown by more than so many percent.
fn is_over(change: &Change, over: f64) -> bool {
    change.by() > 0 && change.percent().is_none_or(|percent| percent > over)
}

fn some(run: &Run) -> String {
    let names: Vec<&str> = run.keys().take(3).map(String::as_str).collect();
    match names.len() {
        0 => "none".into(),
        _ => format!("{}{}", names.join(", "), if run.len() > 3 { ", …" } else { "" }),
    }
}

/// Returns the changes of at least so many bytes, the biggest first.
fn compare(before: &Run, after: &Run, least: u64) -> Changes {
    let mut all = Changes { least, ..Changes::default() };
    for (function, figures) in before {
        let Some(others) = after.get(function) else {
            all.only_before.push(only_in(function, figures));
            continue;
        };
        all.both += 1;
        for (&figure, &before) in figures {
            let Some(&after) = others.get(figure) else { continue };
            let change = Change { function: function.clone(), figure, before, after };
            let is_seen = figure != MEDIAN || is_beyond_a_bucket(before, after);
            if is_seen && change.by().unsigned_abs() >= least.max(1) {
                all.changes.push(change);
            }
        }
    }
    let new = after.iter().filter(|(name, _)| !before.contains_key(*name));
    all.only_after = new.map(|(name, figures)| only_in(name, figures)).collect();
    all.changes.sort_by_key(|change| std::cmp::Reverse(change.by().unsigned_abs()));
    all
}

fn only_in(function: &str, figures: &Figures) -> OnlyIn {
    OnlyIn { function: function.to_owned(), peak: figures.get("peak").copied() }
}

/// Loads a run: a report in JSON, or a log.
fn load(path: &Path, which: &Which) -> io::Result<Run> {
    if let Some(value) = saved(path)? {
        return of_json(&value)
            .ok_or_else(|| {
                io::Error::other(format!(
                    "{}: a report of memprobe's in JSON was expected, with `functions`, or a log",
                    path.display()
                ))
            })
            .and_then(|run| with_figures(run, path));
    }
    let model = empty_model(Heaviest::new(Order::Peak, 0, 0, true), which);
    let (model, _) = read(&[path.to_owned()], model)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    let groups = groups(&model, By::All);
    let run = groups.first().map_or(Run::new(), |group| of_report(&group.report));
    with_figures(run, path)
}

fn with_figures(run: Run, path: &Path) -> io::Result<Run> {
    if run.values().all(BTreeMap::is_empty) {
        let why = "has no bytes of any call that ended: jemalloc was not the global allocator, or no \
                   exit is in it";
        return Err(io::Error::other(format!("{} {why}", path.display())));
    }
    Ok(run)
}

/// Reads a file that is one object of JSON with a version of memprobe's in it; `None` if it is not.
fn saved(path: &Path) -> io::Result<Option<Value>> {
    /// A larger file is a log.
    const MOST: u64 = 256 << 20;
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    if path == Path::new("-") || fs::metadata(path).map_err(named)?.len() > MOST {
        return Ok(None);
    }
    let bytes = fs::read(path).map_err(named)?;
    let is_object = bytes.trim_ascii_start().starts_with(b"{");
    let value: Option<Value> = if is_object { serde_json::from_slice(&bytes).ok() } else { None };
    Ok(value.filter(|value| value.get("functions").is_some() || value.get("verdicts").is_some()))
}

fn of_json(value: &Value) -> Option<Run> {
    let functions = value.get("functions")?.as_array()?;
    let mut run = Run::new();
    for function in functions {
        let name = function.get("name")?.as_str()?.to_owned();
        let calls: i64 = ["returned", "panicked", "cancelled", "closed"]
            .iter()
            .filter_map(|key| function.get("outcomes")?.get(key)?.as_i64())
            .sum();
        let number =
            |path: &[&str]| path.iter().try_fold(function, |at, key| at.get(key))?.as_i64();
        run.insert(
            name,
            figures(
                number(&["figures", "peak"]),
                number(&["peaks", "p50"]),
                number(&["figures", "allocated"]).and_then(|all| all.checked_div(calls)),
                number(&["figures", "steady", "per_call"]),
            ),
        );
    }
    Some(run)
}

fn of_report(report: &Report) -> Run {
    let mut run = Run::new();
    for function in &report.functions {
        let calls = function.outcomes.calls() as i64;
        let all = function.figures;
        run.insert(
            function.name.to_owned(),
            figures(
                all.map(|all| all.peak as i64),
                function.peaks.quantile(0.5).filter(|_| all.is_some()).map(|bytes| bytes as i64),
                all.and_then(|all| (all.allocated as i64).checked_div(calls)),
                all.and_then(|all| all.steady).map(|steady| steady.per_call()),
            ),
        );
    }
    run
}

fn figures(
    peak: Option<i64>,
    median: Option<i64>,
    allocated: Option<i64>,
    kept: Option<i64>,
) -> Figures {
    let all = [("peak", peak), (MEDIAN, median), ("allocated", allocated), ("kept a call", kept)];
    all.into_iter().filter_map(|(name, bytes)| Some((name, bytes?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_of(functions: &[(&str, i64)]) -> Run {
        let one = |&(name, peak): &(&str, i64)| (name.to_owned(), Figures::from([("peak", peak)]));
        functions.iter().map(one).collect()
    }

    #[test]
    fn medians_of_neighbouring_buckets_are_equal() {
        assert!(!is_beyond_a_bucket(2_359_296, 2_883_584), "2.25 and 2.75 MiB");
        assert!(!is_beyond_a_bucket(2_883_584, 2_359_296));
        assert!(is_beyond_a_bucket(2_359_296, 3_407_872), "2.25 and 3.25 MiB");
    }

    #[test]
    fn the_biggest_change_comes_first_and_small_ones_are_passed_over() {
        let before = run_of(&[("a", 1000), ("b", 1_000_000), ("c", 5000), ("gone", 1)]);
        let after = run_of(&[("a", 2000), ("b", 700_000), ("c", 5000), ("new", 1)]);
        let changes = compare(&before, &after, 1000);
        let names: Vec<&str> = changes.changes.iter().map(|one| &*one.function).collect();
        assert_eq!(names, ["b", "a"]);
        let only = |function: &str| [OnlyIn { function: function.to_owned(), peak: Some(1) }];
        assert_eq!(
            (changes.both, &*changes.only_before, &*changes.only_after),
            (3, &only("gone")[..], &only("new")[..])
        );
        assert!(is_over(&changes.changes[1], 99.0) && !is_over(&changes.changes[1], 100.0));
        assert!(!is_over(&changes.changes[0], 0.0), "it needs less");
    }
}
