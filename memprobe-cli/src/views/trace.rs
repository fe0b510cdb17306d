//! A trace of single calls, in the JSON of Chrome's trace viewer, which Perfetto reads: calls and
//! their segments on tracks, and counters of what the process and the calls of each function hold.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use serde_json::{Value, json};

use crate::input::Source;
use crate::model::{CallRow, Model};
use crate::views::place;

/// Writes the trace of the calls that the model keeps.
///
/// # Errors
///
/// Those of the writer.
pub fn write(model: &Model, sources: &[Source], out: &mut impl Write) -> io::Result<()> {
    let mut events = Events { out, any: false };
    events.out.write_all(b"{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n")?;
    for (at, process) in model.processes.iter().enumerate() {
        events.add(&json!({
            "ph": "M", "name": "process_name", "pid": at + 1, "tid": 0,
            "args": { "name": process.name() },
        }))?;
    }
    let mut calls = model.traced.as_ref().unwrap_or(&model.heaviest).calls();
    calls.sort_by_key(|call| (call.process, call.entered_us, std::cmp::Reverse(call.uptime_us)));
    let tracks = tracks(&calls);
    for (call, Track { number, .. }) in calls.iter().zip(&tracks) {
        slices(call, *number, sources, &mut events)?;
    }
    let outermost = calls.iter().zip(&tracks).filter(|(_, track)| !track.is_recursion);
    counters(outermost.map(|(call, _)| *call), &mut events)?;
    // Of the whole process, as each event has it.
    for (at, process) in model.processes.iter().enumerate() {
        for sample in process.builder.report().timeline {
            for (name, bytes) in [("rss", sample.rss), ("jemalloc allocated", sample.allocated)] {
                let Some(bytes) = bytes else { continue };
                events.add(&json!({
                    "ph": "C", "name": name, "pid": at + 1, "ts": sample.uptime_us,
                    "args": { "bytes": bytes },
                }))?;
            }
        }
    }
    events.out.write_all(b"\n]}\n")
}

struct Events<'o, W> {
    out: &'o mut W,
    any: bool,
}

impl<W: Write> Events<'_, W> {
    fn add(&mut self, event: &Value) -> io::Result<()> {
        if self.any {
            self.out.write_all(b",\n")?;
        }
        self.any = true;
        serde_json::to_writer(&mut *self.out, event)?;
        Ok(())
    }
}

/// Where a call is drawn.
struct Track {
    number: u64,
    /// A call of the same function is around it, and has what it holds.
    is_recursion: bool,
}

/// Gives each call a track: that of the call around it, or a free one. Slices of one track must lie
/// in each other or beside each other.
fn tracks(calls: &[&CallRow]) -> Vec<Track> {
    // For each process, the calls that are open on each track.
    let mut open: HashMap<usize, Vec<Vec<&CallRow>>> = HashMap::new();
    let mut places = Vec::with_capacity(calls.len());
    for &call in calls {
        let tracks = open.entry(call.process).or_default();
        for track in tracks.iter_mut() {
            while track.last().is_some_and(|around| around.uptime_us <= call.entered_us) {
                track.pop();
            }
        }
        let nests = |track: &Vec<&CallRow>| track.last().is_some_and(|around| is_in(call, around));
        let place = tracks.iter().position(nests);
        let place = place.or_else(|| tracks.iter().position(Vec::is_empty));
        let place = place.unwrap_or(tracks.len());
        if place == tracks.len() {
            tracks.push(Vec::new());
        }
        let is_recursion = tracks[place].iter().any(|around| around.function == call.function);
        tracks[place].push(call);
        places.push(Track { number: place as u64 + 1, is_recursion });
    }
    places
}

/// Whether a call lies in one segment of the call around it. A future that runs beside others may
/// lie in several.
fn is_in(call: &CallRow, around: &CallRow) -> bool {
    let is_cut = |at: u64| call.entered_us < at && at < call.uptime_us;
    call.parent_id == Some(around.call_id)
        && call.uptime_us <= around.uptime_us
        && !around.segments.iter().any(|segment| is_cut(segment.uptime_us))
}

fn slices<W: Write>(
    call: &CallRow,
    track: u64,
    sources: &[Source],
    events: &mut Events<'_, W>,
) -> io::Result<()> {
    let pid = call.process + 1;
    events.add(&json!({
        "ph": "X", "name": call.function, "cat": "call", "pid": pid, "tid": track,
        "ts": call.entered_us, "dur": call.uptime_us.saturating_sub(call.entered_us),
        "args": {
            "call_id": call.call_id, "outcome": call.ended(), "peak": call.peak,
            "net": call.net, "allocated": call.allocated, "line": place(call.place, sources),
        },
    }))?;
    if call.segments.len() < 2 {
        return Ok(());
    }
    let mut start = call.entered_us;
    for segment in &call.segments {
        let end = segment.uptime_us.clamp(start, call.uptime_us.max(start));
        events.add(&json!({
            "ph": "X", "name": format!("{} -> {}", segment.from, segment.label), "cat": "segment",
            "pid": pid, "tid": track, "ts": start, "dur": end - start,
            "args": {
                "level": segment.level, "peak": segment.peak, "net": segment.net,
                "held": segment.held, "own": segment.own,
            },
        }))?;
        start = end;
    }
    Ok(())
}

/// A counter for each function: what its calls hold that run.
fn counters<'c, W: Write>(
    calls: impl Iterator<Item = &'c CallRow>,
    events: &mut Events<'_, W>,
) -> io::Result<()> {
    // By process, function and time, by how much it changes.
    let mut changes: BTreeMap<(usize, &str, u64), i64> = BTreeMap::new();
    for call in calls {
        let mut before = 0_i64;
        let mut held = |at: u64, bytes: i64| {
            let change = changes.entry((call.process, call.function, at)).or_default();
            *change = change.wrapping_add(bytes.wrapping_sub(before));
            before = bytes;
        };
        held(call.entered_us, 0);
        for segment in &call.segments {
            held(segment.uptime_us, segment.held);
        }
        if call.outcome.is_some() {
            held(call.uptime_us, 0);
        }
    }
    let (mut of, mut sum) = (None, 0_i64);
    for ((process, function, at), change) in changes {
        sum = if of == Some((process, function)) { sum.wrapping_add(change) } else { change };
        of = Some((process, function));
        events.add(&json!({
            "ph": "C", "name": format!("held by {function}"), "pid": process + 1, "ts": at,
            "args": { "bytes": sum },
        }))?;
    }
    Ok(())
}
