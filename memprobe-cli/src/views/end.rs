//! How a process ended, as far as a log tells: the kill, the last line of its watch, and the calls that
//! never ended.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use memprobe::__builder::{End, HumanBytes, HumanDuration, Net, short};

use crate::input::Source;
use crate::model::calls::Open;
use crate::model::{Group, Process};
use crate::parse::time;
use crate::views::{LISTED, place};

/// Returns what is known beside the calls, as lines with a name.
pub fn lines(process: &Process, sources: &[Source]) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if let Some(death) = &process.death {
        let at = death.at.map_or(String::new(), |at| format!(" at {}", time::show(at)));
        lines.push(("killed", format!("{}{at}  {}", death.words, place(death.place, sources))));
    }
    let Some((crossing, at)) = &process.crossing else { return lines };
    let limit = crossing.limit.map_or(String::new(), |bytes| HumanBytes(bytes).to_string());
    let when = crossing.at.map_or(String::new(), |at| format!(" at {}", time::show(at)));
    let crossed = format!(
        "{}% of {limit} crossed{when}, the last of {}  {}",
        crossing.threshold,
        process.crossings,
        place(*at, sources)
    );
    lines.push(("watch", crossed));
    if let Some(holder) = crossing.holder() {
        lines.push(("culprit", holder.text));
    }
    if let Some(by) = crossing.get("by") {
        let after = crossing.get("after").map_or(String::new(), |it| format!(" after '{it}'"));
        let asked = crossing.get("asked").map_or(String::new(), |it| format!(" for {it}"));
        lines.push(("asked", format!("{by}{after}{asked}")));
    }
    lines
}

/// Returns how many calls never ended, if any.
pub fn how_many(process: &Process) -> Option<String> {
    match process.open.len() {
        0 => None,
        1 => Some("1 call never ended".to_owned()),
        many => Some(format!("{many} calls never ended")),
    }
}

/// Returns a line for the calls of one function that never ended behind one label, those first that
/// held the most.
pub fn never_ended(process: &Process, sources: &[Source]) -> Vec<String> {
    let last = process.last_sign();
    let mut alike: BTreeMap<(&str, &str), Vec<(u64, &Open)>> = BTreeMap::new();
    for (id, call) in &process.open {
        alike.entry((call.function, call.after)).or_default().push((*id, call));
    }
    let mut alike: Vec<_> = alike.into_iter().collect();
    let held = |calls: &[(u64, &Open)]| {
        calls.iter().filter_map(|(_, call)| call.held).fold(0, i64::saturating_add)
    };
    alike.sort_by_key(|(_, calls)| Reverse((held(calls), calls.len())));
    let mut lines = Vec::new();
    for ((function, after), calls) in alike.iter().take(LISTED) {
        let Some((id, oldest)) = calls.iter().min_by_key(|(id, call)| (call.entered_us, *id))
        else {
            continue;
        };
        let name = match calls.len() {
            1 => format!("{}, call {id}", short(function)),
            many => format!("{} × {many}", short(function)),
        };
        let ran = Duration::from_micros(last.saturating_sub(oldest.entered_us));
        // Before its first probe nothing is known of what a call holds.
        let holds = if calls.iter().any(|(_, call)| call.held.is_some()) {
            format!(", held {} there", Net(held(calls)))
        } else {
            String::new()
        };
        lines.push(format!(
            "{name}: last label '{after}'{holds}, had run for {}  {}",
            HumanDuration(ran),
            place(oldest.place, sources)
        ));
    }
    if alike.len() > LISTED {
        lines.push(format!("{} more", alike.len() - LISTED));
    }
    lines
}

/// Returns the ends for the page, the killed processes first.
pub fn cards(group: &Group<'_>, sources: &[Source]) -> Vec<End> {
    let mut processes: Vec<&Process> =
        group.processes.iter().map(|(_, process)| *process).collect();
    processes.sort_by_key(|process| !process.is_dead());
    let mut cards: Vec<End> =
        processes.into_iter().filter_map(|process| card(process, sources)).collect();
    let more = cards.len().saturating_sub(LISTED);
    if more > 0 {
        cards.truncate(LISTED);
        let (big, who) = (format!("{more} more"), "in the text of the report".to_owned());
        cards.push(End { what: "Further ends", big, who, more: Vec::new(), is_bad: false });
    }
    cards
}

fn card(process: &Process, sources: &[Source]) -> Option<End> {
    let (mut lines, open) = (lines(process, sources), never_ended(process, sources));
    let many = how_many(process);
    let (what, big) = if process.is_dead() {
        ("How it ended", "Killed".to_owned())
    } else if !lines.is_empty() {
        ("How far it came", "Near its limit".to_owned())
    } else {
        ("What was left", many.clone()?)
    };
    let culprit = lines.iter().position(|(name, _)| *name == "culprit");
    let who = culprit.map_or_else(|| process.name(), |at| lines.remove(at).1);
    let mut more: Vec<String> =
        lines.into_iter().map(|(name, line)| format!("{name}: {line}")).collect();
    more.extend(many.filter(|many| *many != big).map(|many| format!("{many}:")));
    more.extend(open);
    Some(End { what, big, who, more, is_bad: process.is_dead() })
}
