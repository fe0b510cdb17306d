//! `memprobe diff`: two runs or two days.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use memprobe::Report;
use serde_json::Value;

use crate::args::{Diff, Which};
use crate::commands::{checked, empty_model, named};
use crate::input::Source;
use crate::model::{By, Heaviest, Model, Order, groups};
use crate::read::read_open;
use crate::views::changes::{self, Change, Changes, End, OnlyIn};

/// The figures of a function that are compared, in bytes.
type Figures = BTreeMap<&'static str, i64>;

/// A run, or a day.
#[derive(Debug, Default)]
struct Run {
    /// The functions of which a call ended.
    functions: BTreeMap<String, Figures>,
    end: End,
}

/// Runs the command.
///
/// # Errors
///
/// Those of reading and writing, and why the two cannot be compared.
pub fn run(args: &Diff) -> io::Result<ExitCode> {
    if args.before == Path::new("-") && args.after == Path::new("-") {
        return Err(io::Error::other("only one of the two can be standard input"));
    }
    let before = load(&args.before, &args.which)?;
    let after = load(&args.after, &args.which)?;
    let changes = compare(before, after, args.least);
    if changes.both == 0 {
        return Err(io::Error::other(format!(
            "cannot compare: no function is in both; {} has {}, {} has {}",
            args.before.display(),
            some(&changes.only_before),
            args.after.display(),
            some(&changes.only_after)
        )));
    }
    let status = args.fail_over.map_or(ExitCode::SUCCESS, |over| verdict(&changes, over));
    let mut out = BufWriter::new(io::stdout().lock());
    let written = if args.json {
        changes::json(&changes, &mut out)
    } else if args.markdown {
        changes::markdown(&changes, &mut out)
    } else {
        changes::text(&changes, &mut out)
    };
    match written.and_then(|()| out.flush()) {
        // The status counts also where nobody reads the rest.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(status),
    }
}

/// Says on standard error what is worse by more than so many percent, and returns the exit status.
fn verdict(changes: &Changes, over: f64) -> ExitCode {
    let mut status = ExitCode::SUCCESS;
    for change in changes.changes.iter().filter(|change| is_over(change, over)) {
        let by = change.percent().map_or("from nothing".into(), |by| format!("by {by:.1} %"));
        eprintln!("memprobe: {}: {} has grown {by}", change.function, change.figure);
        status = ExitCode::from(1);
    }
    // The figures of a process that was killed are not those of its work.
    if !changes.end_after.killed.is_empty() {
        eprintln!("memprobe: the run after {}", changes.end_after);
        status = ExitCode::from(1);
    }
    status
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

fn some(functions: &[OnlyIn]) -> String {
    let names: Vec<&str> = functions.iter().take(3).map(|one| &*one.function).collect();
    match names.len() {
        0 => "none".into(),
        _ => format!("{}{}", names.join(", "), if functions.len() > 3 { ", …" } else { "" }),
    }
}

/// Returns the changes of at least so many bytes, the biggest first.
fn compare(before: Run, after: Run, least: u64) -> Changes {
    let mut all = Changes { least, ..Changes::default() };
    for (function, figures) in &before.functions {
        let Some(others) = after.functions.get(function) else {
            if !after.end.never_ended.contains(function) {
                all.only_before.push(only_in(function, figures));
            }
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
    let is_new = |name: &String| {
        !before.functions.contains_key(name) && !before.end.never_ended.contains(name)
    };
    let new = after.functions.iter().filter(|(name, _)| is_new(name));
    all.only_after = new.map(|(name, figures)| only_in(name, figures)).collect();
    all.changes.sort_by_key(|change| std::cmp::Reverse(change.by().unsigned_abs()));
    (all.end_before, all.end_after) = (before.end, after.end);
    all
}

fn only_in(function: &str, figures: &Figures) -> OnlyIn {
    OnlyIn { function: function.to_owned(), peak: figures.get("peak").copied() }
}

/// Most bytes of a saved report.
const LARGEST: u64 = 256 << 20;

/// Loads a run: a report in JSON, or a log.
fn load(path: &Path, which: &Which) -> io::Result<Run> {
    let named = |error: io::Error| named(path, &error);
    let source = Source::of(path);
    let mut reader = BufReader::with_capacity(64 << 10, source.open().map_err(named)?);
    let run = if is_report(reader.fill_buf().map_err(named)?) {
        saved(reader, which).map_err(named)?
    } else {
        let mut model = empty_model(Heaviest::new(Order::Peak, 0, 0, true), which);
        let done = read_open(source, reader, &mut model);
        let (model, _) = checked(model, done).map_err(named)?;
        of_model(&model)
    };
    if run.functions.values().all(BTreeMap::is_empty) {
        let why = "it has no bytes of any call that ended: jemalloc was not the global allocator, or no \
                   exit is in it";
        return Err(named(io::Error::other(why)));
    }
    Ok(run)
}

/// Whether a file that starts so is a report in JSON, and not a log. The first key of a report is one
/// that no event begins with.
fn is_report(start: &[u8]) -> bool {
    let start = start.trim_ascii_start().strip_prefix(b"{").unwrap_or(b"").trim_ascii_start();
    let value = |key: &[u8]| start.strip_prefix(key).map(<[u8]>::trim_ascii_start);
    // The version, where an event has its kind.
    value(b"\"memprobe\":").and_then(|value| value.get(1)).is_some_and(u8::is_ascii_digit)
        || value(b"\"elapsed_us\":").is_some()
        || value(b"\"read\":").is_some_and(|value| value.starts_with(b"{"))
}

fn saved(reader: impl BufRead, which: &Which) -> io::Result<Run> {
    if which.since.is_some() || which.until.is_some() {
        let why = "a saved report has no times: `--since` and `--until` are for logs";
        return Err(io::Error::other(why));
    }
    let value: Value = serde_json::from_reader(reader.take(LARGEST))?;
    if value.get("reports").is_some() {
        let why = "these are several reports; write it without `--by`, or compare their logs";
        return Err(io::Error::other(why));
    }
    let mut run = of_json(&value)
        .ok_or_else(|| io::Error::other("a report of memprobe's was expected, with `functions`"))?;
    let filter = which.filter();
    run.functions.retain(|function, _| filter.takes(function));
    run.end.never_ended.retain(|function| filter.takes(function));
    if run.functions.is_empty() {
        return Err(io::Error::other("nothing is left: `--function` leaves out all"));
    }
    Ok(run)
}

fn of_json(value: &Value) -> Option<Run> {
    let mut run = Run::default();
    for function in value.get("functions")?.as_array()? {
        let name = function.get("name")?.as_str()?.to_owned();
        let calls: i64 = ["returned", "panicked", "cancelled", "closed"]
            .iter()
            .filter_map(|key| function.get("outcomes")?.get(key)?.as_i64())
            .sum();
        let number =
            |path: &[&str]| path.iter().try_fold(function, |at, key| at.get(key))?.as_i64();
        if calls > 0 {
            run.functions.insert(
                name,
                figures(
                    number(&["figures", "peak"]),
                    number(&["peaks", "p50"]),
                    number(&["figures", "allocated"]).and_then(|all| all.checked_div(calls)),
                    number(&["figures", "steady", "per_call"]),
                ),
            );
        }
    }
    let text = |value: &Value, key: &str| Some(value.get(key)?.as_str()?.to_owned());
    let processes = value.get("log").and_then(|log| log.get("processes")?.as_array());
    for process in processes.into_iter().flatten() {
        let killed = process.get("killed").and_then(|killed| text(killed, "words"));
        run.end.killed.extend(killed);
        let open = process.get("never_ended").and_then(Value::as_array).into_iter().flatten();
        run.end.never_ended.extend(open.filter_map(|call| text(call, "function")));
    }
    Some(run)
}

fn of_model(model: &Model) -> Run {
    let mut run = Run::default();
    if let Some(group) = groups(model, By::All).first() {
        run.functions = of_report(&group.report);
    }
    for process in &model.processes {
        run.end.killed.extend(process.death.as_ref().map(|death| death.words.to_owned()));
        let open = process.open.values().map(|call| call.function.to_owned());
        run.end.never_ended.extend(open);
    }
    run
}

fn of_report(report: &Report) -> BTreeMap<String, Figures> {
    let mut run = BTreeMap::new();
    for function in report.functions.iter().filter(|function| function.outcomes.calls() > 0) {
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
        Run { functions: functions.iter().map(one).collect(), end: End::default() }
    }

    #[test]
    fn a_report_is_told_from_a_log_by_its_first_key() {
        for report in ["{\"memprobe\":\"0.1.0\",", " {\n  \"elapsed_us\": 1", "{\n  \"read\": {"] {
            assert!(is_report(report.as_bytes()), "{report}");
        }
        for log in [
            "{\"memprobe\":\"exit\",",
            "{\"timestamp\":",
            "{\"read\":5",
            "{",
            "",
            "memprobe: threshold=",
        ] {
            assert!(!is_report(log.as_bytes()), "{log}");
        }
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
        let changes = compare(before, after, 1000);
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
