//! The report for a terminal: memprobe's own, and below it what only a log can tell.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use memprobe::__builder::{HumanBytes, HumanCount, HumanDuration, Net, SignedBytes, short};

use crate::input::Source;
use crate::model::trend::Trend;
use crate::model::{Group, Model, Process};
use crate::parse::time;
use crate::read::Done;
use crate::views::{LISTED, Names, counted, end, place, waterfall};

/// A change of a mean below this part is none.
const CHANGE: f64 = 0.2;
/// A change of a mean of fewer bytes is none.
const LEAST: u64 = 64 << 10;

/// Writes the table of processes: those that came highest first.
pub fn processes(model: &Model, out: &mut impl Write) -> io::Result<()> {
    let mut processes: Vec<&Process> = model.processes.iter().collect();
    processes.sort_by_key(|process| std::cmp::Reverse((process.is_dead(), highest(process))));
    writeln!(out, "{} processes", processes.len())?;
    for process in processes.iter().take(LISTED) {
        let limit = process.builder.process.limit.as_ref();
        let limit = limit.map_or(String::new(), |limit| format!(" of {}", HumanBytes(limit.bytes)));
        let highest = highest(process)
            .map_or(String::new(), |bytes| format!(", highest {}{limit}", HumanBytes(bytes)));
        let started =
            process.started().map_or(String::new(), |at| format!(" from {}", time::show(at)));
        let release = match process.origin.release {
            "" => String::new(),
            release => format!(", release {release}"),
        };
        let end =
            process.death.as_ref().map_or(String::new(), |death| format!(", {}", death.words));
        writeln!(
            out,
            "  {}{started}{release}: {}{highest}{end}",
            process.name(),
            counted(process.events, "event", "events")
        )?;
    }
    if processes.len() > LISTED {
        writeln!(out, "  {} more", processes.len() - LISTED)?;
    }
    writeln!(out)
}

fn highest(process: &Process) -> Option<u64> {
    process.builder.process.peak_used()
}

/// Writes the report of some processes.
///
/// # Errors
///
/// Those of the writer.
pub fn group(
    group: &Group<'_>,
    model: &Model,
    sources: &[Source],
    heaviest: usize,
    styled: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    if !group.report.functions.is_empty() {
        if styled {
            write!(out, "{}", group.report.colored())?;
        } else {
            write!(out, "{}", group.report)?;
        }
    }
    ends(group, sources, out)?;
    let calls: Vec<_> = group.calls(model).take(heaviest).filter(|call| call.peak > 0).collect();
    if !calls.is_empty() {
        writeln!(out, "\nheaviest calls")?;
        calls.iter().try_for_each(|call| waterfall::call(call, sources, out))?;
    }
    cold(&group.trends, out)?;
    drift(&group.trends, out)
}

/// Writes what is known of the ends of the processes.
fn ends(group: &Group<'_>, sources: &[Source], out: &mut impl Write) -> io::Result<()> {
    for (_, process) in &group.processes {
        let (lines, open) = (end::lines(process, sources), end::never_ended(process, sources));
        if lines.is_empty() && open.is_empty() {
            continue;
        }
        writeln!(out)?;
        if group.processes.len() > 1 {
            writeln!(out, "{}", process.name())?;
        }
        for (name, line) in lines {
            writeln!(out, "{name:9} {line}")?;
        }
        if let Some(line) = end::how_many(process) {
            writeln!(out, "{line}:")?;
        }
        open.iter().try_for_each(|line| writeln!(out, "  {line}"))?;
    }
    Ok(())
}

/// Writes the first calls beside the others, where they differ.
fn cold(trends: &BTreeMap<&'static str, Trend>, out: &mut impl Write) -> io::Result<()> {
    let mut rows: Vec<_> = trends
        .iter()
        .filter(|(_, trend)| trend.cold.calls > 0 && trend.warm.calls > 0)
        .filter(|(_, trend)| {
            differs(trend.warm.mean_peak(), trend.cold.mean_peak())
                || differs_by(trend.warm.mean_net(), trend.cold.mean_net())
        })
        .collect();
    rows.sort_by_key(|(_, trend)| {
        std::cmp::Reverse(trend.cold.mean_peak().abs_diff(trend.warm.mean_peak()))
    });
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\n{:38}{:>12}{:>12}{:>12}{:>12}",
        "first call against the others", "peak, first", "others", "kept, first", "others"
    )?;
    for (function, trend) in rows.iter().take(LISTED) {
        writeln!(
            out,
            "  {:36}{:>12}{:>12}{:>12}{:>12}",
            short(function).to_string(),
            HumanBytes(trend.cold.mean_peak()).to_string(),
            HumanBytes(trend.warm.mean_peak()).to_string(),
            Net(trend.cold.mean_net()).to_string(),
            Net(trend.warm.mean_net()).to_string()
        )?;
    }
    Ok(())
}

/// Writes the functions whose later calls need more or less than the earlier ones.
fn drift(trends: &BTreeMap<&'static str, Trend>, out: &mut impl Write) -> io::Result<()> {
    let mut rows: Vec<_> = trends
        .iter()
        .filter_map(|(function, trend)| Some((function, trend.parts()?)))
        .filter(|(_, (early, late))| {
            differs(early.mean_peak(), late.mean_peak())
                || differs(early.mean_allocated(), late.mean_allocated())
        })
        .collect();
    rows.sort_by_key(|(_, (early, late))| {
        std::cmp::Reverse(early.mean_peak().abs_diff(late.mean_peak()))
    });
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\n{:38}{:>12}{:>12}{:>14}{:>14}",
        "earlier calls against later", "peak, early", "late", "alloc., early", "late"
    )?;
    for (function, (early, late)) in rows.iter().take(LISTED) {
        writeln!(
            out,
            "  {:36}{:>12}{:>12}{:>14}{:>14}",
            short(function).to_string(),
            HumanBytes(early.mean_peak()).to_string(),
            HumanBytes(late.mean_peak()).to_string(),
            HumanBytes(early.mean_allocated()).to_string(),
            HumanBytes(late.mean_allocated()).to_string()
        )?;
    }
    Ok(())
}

fn differs(before: u64, after: u64) -> bool {
    let by = before.abs_diff(after);
    by >= LEAST && by as f64 >= before as f64 * CHANGE
}

fn differs_by(before: i64, after: i64) -> bool {
    before.abs_diff(after) >= LEAST
}

/// Writes the list of single calls.
///
/// # Errors
///
/// Those of the writer.
pub fn calls(model: &Model, sources: &[Source], out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{:36}{:>8}{:>12}{:>12}{:>12}{:>10}  {:14} {:26} at",
        "function", "call", "peak", "kept", "allocated", "took", "ended", "highest in"
    )?;
    let calls = model.heaviest.calls();
    let names = Names::of(calls.iter().map(|call| call.function));
    for call in calls {
        let took = call.duration_us.map_or(String::new(), |micros| {
            HumanDuration(Duration::from_micros(micros)).to_string()
        });
        let highest = call.segments.iter().rev().max_by_key(|segment| segment.level);
        let highest = highest.map_or(String::new(), |it| format!("{} -> {}", it.from, it.label));
        let at = call.at.map_or(String::new(), time::show);
        let cold = if call.cold { ", cold" } else { "" };
        writeln!(
            out,
            "{:36}{:>8}{:>12}{:>12}{:>12}{took:>10}  {:14} {highest:26} {at} {}",
            names.show(call.function),
            call.call_id,
            HumanBytes(call.peak).to_string(),
            SignedBytes(call.net).to_string(),
            HumanBytes(call.allocated).to_string(),
            format!("{}{cold}", call.ended()),
            place(call.place, sources)
        )?;
    }
    if model.heaviest.left_out > 0 {
        writeln!(out, "{} more", HumanCount(model.heaviest.left_out))?;
    }
    Ok(())
}

/// Writes what was read, and what could not be.
///
/// # Errors
///
/// Those of the writer.
pub fn read(model: &Model, done: &Done, out: &mut impl Write) -> io::Result<()> {
    let counts = model.counts;
    write!(
        out,
        "\nread {}, {}: {}",
        counted(done.extent.lines, "line", "lines"),
        HumanBytes(done.extent.bytes),
        counted(counts.events, "event", "events")
    )?;
    let same = |what| (what, what);
    for (count, (one, many)) in [
        (counts.crossings, ("crossing of a watch", "crossings of a watch")),
        (counts.kills, ("line that tells of a kill", "lines that tell of a kill")),
        (counts.kills_of_others, same("of them of no process that memprobe was in")),
        (
            counts.skipped,
            ("call that memprobe's rate left out", "calls that memprobe's rate left out"),
        ),
        (counts.filtered, same("left out by what was asked for")),
        (counts.duplicates, same("delivered twice and counted once")),
        (counts.without_entry, same("of calls whose entry is not in the log")),
        (counts.beyond_room, same("not summed, because there are too many functions or calls")),
        (counts.not_utf8, same("with bytes that are no UTF-8")),
        (
            counts.unreadable,
            ("line of ours that cannot be read", "lines of ours that cannot be read"),
        ),
    ] {
        if count > 0 {
            write!(out, ", {}", counted(count, one, many))?;
        }
    }
    writeln!(out)?;
    for one in &model.unreadable {
        writeln!(out, "  {}: {}: {}", place(one.place, &done.sources), one.why, one.text)?;
    }
    let more = counts.unreadable.saturating_sub(model.unreadable.len() as u64);
    if more > 0 {
        writeln!(out, "  {} more", HumanCount(more))?;
    }
    Ok(())
}
