//! Finds in a line of a log what memprobe has written, whatever stands around it.

mod ansi;
pub mod event;
mod json;
pub mod kill;
mod marks;
pub mod origin;
mod prefix;
mod text;
pub mod time;
pub mod watch;

use std::collections::HashMap;

use memchr::memmem;

use crate::names::{cut, printable};
use event::{Event, Kind};
use kill::Kill;
use marks::Marks;
use origin::Origin;
use prefix::Split;
use watch::Crossing;

/// What a line tells.
#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "nearly all are events, and a box would be freed by another thread"
)]
pub enum Record {
    Event(Event),
    Crossing(Box<Crossing>),
    Kill(Kill),
}

/// What was found in a line.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "as above")]
pub enum Found {
    Record(Origin, Record),
    /// Part of an event of memprobe's that cannot be read, and why.
    Unreadable(String),
    /// It has bytes that are no UTF-8, and was read without them.
    NotUtf8,
}

/// Most places of a line that look like JSON, and are not, where several lines were torn.
const BROKEN: usize = 16;
/// Wrappers in wrappers: a collector that reads what another wrote.
const DEPTH: usize = 4;
/// Most bytes of a line that a collector has split, in all its parts.
const JOINED: usize = 1 << 20;
/// Most streams of which a part of a line waits for the rest.
const STREAMS: usize = 256;

/// What the parts of one line come from: a container, and one of its streams.
type Stream = (Origin, &'static str);

/// Reads lines. It remembers the parts of those that a collector has split.
#[derive(Debug, Default)]
pub struct Parser {
    parts: HashMap<Stream, String>,
}

impl Parser {
    /// Whether the next line may be the rest of one that was split, and must be read whatever it has.
    pub fn waits(&self) -> bool {
        !self.parts.is_empty()
    }

    /// Reads a line, and passes on what it finds. What a collector tells of its origin and its time
    /// counts where the line itself does not tell it.
    pub fn line(
        &mut self,
        line: &[u8],
        (origin, at): (Origin, Option<i64>),
        found: &mut dyn FnMut(Found),
    ) {
        if let Ok(text) = str::from_utf8(line) {
            self.text(text, origin, at, 0, found);
        } else {
            found(Found::NotUtf8);
            self.text(&String::from_utf8_lossy(line), origin, at, 0, found);
        }
    }

    /// Tells of the parts whose rest has not come.
    pub fn finish(&mut self, found: &mut dyn FnMut(Found)) {
        let parts = std::mem::take(&mut self.parts);
        for text in parts.into_values().filter(|text| Marks::of(text).any()) {
            let start = printable(cut(&text, 60));
            found(Found::Unreadable(format!("the rest of a split line never came: {start}…")));
        }
    }

    fn text(
        &mut self,
        text: &str,
        origin: Origin,
        at: Option<i64>,
        depth: usize,
        found: &mut dyn FnMut(Found),
    ) {
        let text = text.trim_end_matches(['\n', '\r']);
        if depth < DEPTH
            && let Some((at, stream, is_part, rest)) = cri(text)
        {
            if let Some(whole) = self.join((origin, stream), rest, is_part) {
                return self.text(&whole, origin, at, depth + 1, found);
            }
            return;
        }
        let text = ansi::strip(text);
        let Split { origin: of_prefix, at: at_prefix, line } = prefix::split(&text);
        let (origin, at) = (origin.or(of_prefix), at_prefix.or(at));
        let marks = Marks::of(line);
        // Its spans and the probe's own fields may have JSON in them.
        if marks.text && plain(line, origin, at, found) {
            if marks.json {
                let why = "two lines are mixed; the event in JSON was not read".to_owned();
                found(Found::Unreadable(why));
            }
            return;
        }
        let (mut any, mut broken, mut error) = (false, 0, None);
        let (mut read, mut next) = (0, 0);
        while broken < BROKEN
            && let Some(start) = start_of_object(&line[next..]).map(|start| next + start)
        {
            match json::object(&line[start..]) {
                Ok((object, length)) => {
                    any |= marks.watch && plain(&line[read..start], origin, at, found);
                    any |= self.object(object, origin, at, depth, found);
                    read = start + length;
                    next = read;
                }
                Err(why) => {
                    error.get_or_insert(why);
                    broken += 1;
                    next = start + 2;
                }
            }
        }
        any |= marks.watch && plain(&line[read..], origin, at, found);
        match error {
            Some(error) if marks.json || marks.quoted => {
                found(Found::Unreadable(format!("JSON was expected: {error}")));
            }
            _ if any => {}
            _ if marks.any() => {
                let why = "an event was expected at the top, in `fields` or in a message";
                found(Found::Unreadable(why.into()));
            }
            _ => {
                if let Some(mut kill) = kill::kill(line) {
                    kill.at = kill.at.or(at);
                    found(Found::Record(origin, Record::Kill(kill)));
                }
            }
        }
    }

    /// Passes on what an object has; returns whether it had anything.
    fn object(
        &mut self,
        object: json::Object<'_>,
        origin: Origin,
        at: Option<i64>,
        depth: usize,
        found: &mut dyn FnMut(Found),
    ) -> bool {
        let json::Object { mut event, is_event, line, is_partial, inner, .. } = object;
        let origin = object.origin.or(origin);
        event.at = event.at.or(at);
        if is_event {
            // Only of a watch it has what the fields do not.
            if event.kind == Some(Kind::Watch) {
                event.message = line.map(Into::into);
            }
            event_found(event, origin, found);
            return true;
        }
        let at = event.at;
        let mut any = false;
        if let Some(line) = line.filter(|_| depth < DEPTH) {
            let stream = (origin, object.stream);
            let line = if is_partial || self.parts.contains_key(&stream) {
                match self.join(stream, &line, is_partial && line.len() >= 16 << 10) {
                    Some(whole) => whole.into(),
                    None => return true,
                }
            } else {
                line
            };
            self.text(&line, origin, at, depth + 1, &mut |one| {
                any = true;
                found(one);
            });
        }
        // A collector that reads the line keeps it beside what it has read.
        if any {
            return true;
        }
        for inner in inner {
            any |= self.object(inner, origin, at, depth, found);
        }
        if object.is_cut {
            let why = "a line has more than 10,000 log events, and the others were passed over";
            found(Found::Unreadable(why.into()));
        }
        any || object.is_cut
    }

    /// Adds a part of a line; returns the whole line with its last part.
    fn join(&mut self, stream: Stream, part: &str, is_part: bool) -> Option<String> {
        if !is_part && !self.parts.contains_key(&stream) {
            return Some(part.to_owned());
        }
        if self.parts.len() >= STREAMS && !self.parts.contains_key(&stream) {
            return Some(part.to_owned());
        }
        let whole = self.parts.entry(stream).or_default();
        whole.push_str(part);
        if is_part && whole.len() < JOINED {
            return None;
        }
        self.parts.remove(&stream)
    }
}

fn start_of_object(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'{', bytes).find(|at| bytes.get(at + 1) == Some(&b'"'))
}

/// Splits a line in the format of Kubernetes' container runtimes: the time, the stream, whether it
/// is only a part, and the line.
fn cri(text: &str) -> Option<(Option<i64>, &'static str, bool, &str)> {
    let (at, rest) = text.split_once(' ')?;
    let (stream, rest) = rest.split_once(' ')?;
    let stream = match stream {
        "stdout" => "stdout",
        "stderr" => "stderr",
        _ => return None,
    };
    let (tags, line) = rest.split_once(' ').unwrap_or((rest, ""));
    let is_part = match tags.split(':').next() {
        Some("P") => true,
        Some("F") => false,
        _ => return None,
    };
    Some((Some(time::parse(at)?), stream, is_part, line))
}

/// Reads the events in a text format and the lines of watches in a line; returns whether it had any.
fn plain(line: &str, origin: Origin, at: Option<i64>, found: &mut dyn FnMut(Found)) -> bool {
    let mut any = false;
    // Several processes may write to one pipe.
    let starts = memmem::find_iter(line.as_bytes(), watch::PREFIX);
    let starts = starts.map(|at| at + "memprobe: ".len());
    let mut start = 0;
    for end in starts.chain([line.len()]) {
        let part = line[start..end].trim_end_matches("memprobe: ");
        if start > 0 {
            any = true;
            found(match watch::crossing(part) {
                Some(crossing) => Found::Record(origin, Record::Crossing(crossing.into())),
                None => Found::Unreadable(
                    "a watch's line was expected: threshold=95% at=… pid=… limit=… estimate=…"
                        .into(),
                ),
            });
        }
        start = end;
        let Some((mut event, is_torn)) = text::event(part) else { continue };
        any = true;
        event.at = event.at.or(at);
        event_found(event, origin, found);
        if is_torn {
            found(Found::Unreadable("two lines are mixed; the last event in it was read".into()));
        }
    }
    any
}

fn event_found(event: Event, origin: Origin, found: &mut dyn FnMut(Found)) {
    if let Some(lacks) = event.lacks() {
        return found(Found::Unreadable(format!("an event of memprobe was expected: {lacks}")));
    }
    if event.kind == Some(Kind::Watch) {
        let message = event.message.as_deref().unwrap_or("");
        let Some(crossing) = watch::crossing(message) else {
            return found(Found::Unreadable("the event of a watch has not its message".into()));
        };
        return found(Found::Record(origin, Record::Crossing(crossing.into())));
    }
    found(Found::Record(origin, Record::Event(event)));
}
