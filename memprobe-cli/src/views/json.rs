//! The report as JSON: that of memprobe, with what only a log can tell under `log`.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use crate::input::Source;
use crate::model::{CallRow, Group, Model, Process};
use crate::parse::time;
use crate::read::Done;
use crate::views::place;

/// Writes one report, or a list of them.
///
/// # Errors
///
/// Those of the writer.
pub fn report(
    groups: &[Group<'_>],
    model: &Model,
    done: &Done,
    heaviest: usize,
    out: &mut impl Write,
) -> io::Result<()> {
    let value = match groups {
        [only] => {
            let mut value = group(only, model, done, heaviest)?;
            if let (Some(Value::Object(log)), Value::Object(read)) =
                (value.get_mut("log"), read(model, done))
            {
                log.extend(read);
            }
            value
        }
        groups => {
            let reports: io::Result<Vec<Value>> =
                groups.iter().map(|one| group(one, model, done, heaviest)).collect();
            json!({ "read": read(model, done), "reports": reports? })
        }
    };
    serde_json::to_writer_pretty(&mut *out, &value)?;
    writeln!(out)
}

fn group(group: &Group<'_>, model: &Model, done: &Done, heaviest: usize) -> io::Result<Value> {
    let mut value = serde_json::to_value(&group.report)?;
    let calls: Vec<Value> = group
        .calls(model)
        .take(heaviest)
        .map(|one| call_value(one, model, &done.sources))
        .collect();
    let processes: Vec<Value> =
        group.processes.iter().map(|(_, one)| process(one, &done.sources)).collect();
    let events: u64 = group.processes.iter().map(|(_, process)| process.events).sum();
    let log = json!({
        "name": group.name, "processes": processes, "heaviest": calls, "events": events,
    });
    if let Value::Object(fields) = &mut value {
        fields.insert("log".into(), log);
    }
    Ok(value)
}

/// What was read, and what could not be.
fn read(model: &Model, done: &Done) -> Value {
    let counts = model.counts;
    json!({
        "lines": done.extent.lines,
        "bytes": done.extent.bytes,
        "events": counts.events,
        "crossings": counts.crossings,
        "kills": counts.kills,
        "kills_of_others": counts.kills_of_others,
        "skipped": counts.skipped,
        "filtered": counts.filtered,
        "duplicates": counts.duplicates,
        "without_entry": counts.without_entry,
        "beyond_room": counts.beyond_room,
        "not_utf8": counts.not_utf8,
        "unreadable": counts.unreadable,
        "unreadable_lines": model.unreadable.iter().map(|one| json!({
            "at": place(one.place, &done.sources), "why": one.why, "text": one.text,
        })).collect::<Vec<_>>(),
    })
}

fn process(process: &Process, sources: &[Source]) -> Value {
    let mut value = Map::new();
    value.insert("name".into(), process.name().into());
    let mut maybe = |name: &str, field: Option<Value>| {
        if let Some(field) = field {
            value.insert(name.into(), field);
        }
    };
    let text = |text: &'static str| (!text.is_empty()).then(|| text.into());
    maybe("host", text(process.origin.host));
    maybe("stream", text(process.origin.stream));
    maybe("release", text(process.origin.release));
    maybe("pid", process.pid().map(Value::from));
    maybe("started", process.started().map(|at| time::show(at).into()));
    maybe("last", process.last_at.map(|at| time::show(at).into()));
    maybe("uptime_us", process.last_uptime_us.map(Value::from));
    maybe("events", Some(process.events.into()));
    maybe("process", serde_json::to_value(&process.builder.process).ok());
    maybe(
        "killed",
        process
            .death
            .as_ref()
            .map(|death| json!({ "words": death.words, "at": place(death.place, sources) })),
    );
    maybe(
        "watch",
        process.crossing.as_ref().map(|(crossing, at)| {
            let holder = crossing.holder();
            json!({
                "line": crossing.text,
                "threshold": crossing.threshold,
                "at": place(*at, sources),
                "culprit": holder.as_ref().and_then(|holder| holder.function.clone()),
                "holds_most": holder.as_ref().map(|holder| holder.text.clone()),
                "bytes": holder.as_ref().map(|holder| holder.bytes),
            })
        }),
    );
    let mut open: Vec<_> = process.open.iter().collect();
    open.sort_by_key(|(id, call)| (std::cmp::Reverse(call.held), **id));
    let open: Vec<Value> = open
        .into_iter()
        .map(|(id, call)| {
            let mut one = json!({
                "function": call.function,
                "call_id": id,
                "last_label": call.after,
                "at": place(call.place, sources),
            });
            if let (Some(held), Value::Object(one)) = (call.held, &mut one) {
                one.insert("held".into(), held.into());
            }
            one
        })
        .collect();
    maybe("never_ended", (!open.is_empty()).then(|| open.into()));
    Value::Object(value)
}

/// Writes a single call as a line.
///
/// # Errors
///
/// Those of the writer.
pub fn call(
    call: &CallRow,
    model: &Model,
    sources: &[Source],
    out: &mut impl Write,
) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &call_value(call, model, sources))?;
    writeln!(out)
}

fn call_value(call: &CallRow, model: &Model, sources: &[Source]) -> Value {
    let segments: Vec<Value> = call
        .segments
        .iter()
        .map(|segment| {
            let mut one = json!({
                "from": segment.from, "label": segment.label, "uptime_us": segment.uptime_us,
                "level": segment.level, "peak": segment.peak, "net": segment.net,
                "held": segment.held, "allocated": segment.allocated,
            });
            if let Value::Object(one) = &mut one {
                one.extend(segment.rss.map(|rss| ("rss".to_owned(), rss.into())));
                one.extend(segment.own.as_ref().map(|own| ("own".to_owned(), (**own).into())));
            }
            one
        })
        .collect();
    let mut value = json!({
        "function": call.function, "call_id": call.call_id, "uptime_us": call.uptime_us,
        "outcome": call.ended(), "peak": call.peak, "allocated": call.allocated,
        "net": call.net, "cold": call.cold, "segments": segments,
        "process": model.processes.get(call.process).map(Process::name),
        "place": place(call.place, sources),
    });
    if let Value::Object(value) = &mut value {
        value.extend(call.parent_id.map(|id| ("parent_id".to_owned(), id.into())));
        value.extend(call.duration_us.map(|us| ("duration_us".to_owned(), us.into())));
        value.extend(call.at.map(|at| ("at".to_owned(), time::show(at).into())));
        let why = (!call.why.is_empty()).then(|| ("why".to_owned(), call.why.into()));
        value.extend(why);
    }
    value
}
