//! Finds in a line of a log what memprobe has written, whatever stands around it.

mod ansi;
pub mod event;
mod json;
pub mod kill;
pub mod origin;
mod text;
pub mod time;
pub mod watch;

use std::collections::HashMap;

use crate::names::{cut, intern, printable};
use event::{Event, Kind};
use kill::Kill;
use origin::Origin;
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

/// Most parts of a line that are tried one after the other, where several lines were torn.
const PARTS: usize = 16;
/// Wrappers in wrappers: a collector that reads what another wrote.
const DEPTH: usize = 4;
/// Most bytes of a line that a collector has split, in all its parts.
const JOINED: usize = 1 << 20;
/// Most streams of which a part of a line waits for the rest.
const STREAMS: usize = 256;

/// Reads lines. It remembers the parts of those that a collector has split.
#[derive(Debug, Default)]
pub struct Parser {
    parts: HashMap<&'static str, String>,
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
        for text in parts.into_values().filter(|text| is_ours(text)) {
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
            if let Some(whole) = self.join(stream, rest, is_part) {
                return self.text(&whole, origin, at, depth + 1, found);
            }
            return;
        }
        let (prefix, start) = match start_of_object(text) {
            Some(start) => (&text[..start], start),
            None => return plain(text, origin.or(of_prefix(text)), at, found),
        };
        let origin = origin.or(of_prefix(prefix));
        let (mut rest, mut is_broken, mut any) = (&text[start..], None, false);
        for _ in 0..PARTS {
            match json::object(rest) {
                Ok((object, end)) => {
                    any |= self.object(object, origin, at, depth, found);
                    rest = &rest[end..];
                }
                Err(error) => {
                    is_broken = is_broken.or(Some(error));
                    rest = rest.get(2..).unwrap_or("");
                }
            }
            match start_of_object(rest) {
                Some(next) => rest = &rest[next..],
                None => break,
            }
        }
        match is_broken {
            Some(error)
                if text.contains("\"memprobe\":\"") || text.contains("\"memprobe\": \"") =>
            {
                found(Found::Unreadable(format!("JSON was expected: {error}")));
            }
            // A text line may have braces in it.
            Some(_) if !any => plain(text, origin, at, found),
            _ if !any && is_ours(text) => {
                let why =
                    "an event was expected at the top, in `fields` or in a message".to_owned();
                found(Found::Unreadable(why));
            }
            _ if !any => kills(text, origin, at, found),
            _ => {}
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
        let json::Object { mut event, is_event, line, origin: own, is_partial } = object;
        let origin = own.or(origin);
        event.at = event.at.or(at);
        if is_event {
            // Only of a watch it has what the fields do not.
            if event.kind == Some(Kind::Watch) {
                event.message = line.map(Into::into);
            }
            event_found(event, origin, found);
            return true;
        }
        let Some(line) = line.filter(|_| depth < DEPTH) else { return false };
        let line = if is_partial || self.parts.contains_key("docker") {
            match self.join("docker", &line, is_partial && line.len() >= 16 << 10) {
                Some(whole) => whole.into(),
                None => return true,
            }
        } else {
            line
        };
        let mut any = false;
        self.text(&line, origin, event.at, depth + 1, &mut |one| {
            any = true;
            found(one);
        });
        any
    }

    /// Adds a part of a line; returns the whole line with its last part.
    fn join(&mut self, stream: &'static str, part: &str, is_part: bool) -> Option<String> {
        if !is_part && !self.parts.contains_key(stream) {
            return Some(part.to_owned());
        }
        if self.parts.len() >= STREAMS && !self.parts.contains_key(stream) {
            return Some(part.to_owned());
        }
        let whole = self.parts.entry(stream).or_default();
        whole.push_str(part);
        if is_part && whole.len() < JOINED {
            return None;
        }
        self.parts.remove(stream)
    }
}

fn start_of_object(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'{', bytes).find(|at| bytes.get(at + 1) == Some(&b'"'))
}

fn is_ours(text: &str) -> bool {
    text.contains("memprobe=\"") || text.contains("\"memprobe\":\"") || text.contains(watch::PREFIX)
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

/// Reads a line without JSON.
fn plain(text: &str, origin: Origin, at: Option<i64>, found: &mut dyn FnMut(Found)) {
    let text = ansi::strip(text);
    if let Some(start) = text.find(watch::PREFIX) {
        let message = &text[start + "memprobe: ".len()..];
        // Two processes may write to one pipe.
        let message = message.split(watch::PREFIX).next().unwrap_or(message);
        found(match watch::crossing(message) {
            Some(crossing) => Found::Record(origin, Record::Crossing(crossing.into())),
            None => Found::Unreadable(
                "a watch's line was expected: threshold=95% at=… pid=… limit=… estimate=…".into(),
            ),
        });
        return;
    }
    if let Some((mut event, is_torn)) = text::event(&text) {
        event.at = event.at.or(at);
        event_found(event, origin, found);
        if is_torn {
            found(Found::Unreadable("two lines are mixed; the last event in it was read".into()));
        }
        return;
    }
    kills(&text, origin, at, found);
}

fn kills(text: &str, origin: Origin, at: Option<i64>, found: &mut dyn FnMut(Found)) {
    if let Some(mut kill) = kill::kill(text) {
        kill.at = kill.at.or(at);
        found(Found::Record(origin, Record::Kill(kill)));
    }
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

/// Reads where a line is from in what a collector has put before it.
fn of_prefix(prefix: &str) -> Origin {
    let mut origin = Origin::default();
    let end = (0..=prefix.len().min(200)).rev().find(|&end| prefix.is_char_boundary(end));
    let prefix = &prefix[..end.unwrap_or(0)];
    let mut words = prefix.split(' ').filter(|word| !word.is_empty());
    let Some(first) = words.next() else { return origin };
    // docker compose: `web-1  | …`.
    if let Some((name, _)) = prefix.split_once(" | ")
        && !name.trim().contains(' ')
    {
        origin.stream = intern(name.trim());
        return origin;
    }
    // kubectl logs --prefix: `[pod/web-7d/app] …`.
    if let Some(pod) = first.strip_prefix("[pod/").and_then(|pod| pod.strip_suffix(']')) {
        origin.stream = intern(pod);
        return origin;
    }
    // aws logs tail: the time, the stream, the line.
    if first.ends_with("+00:00") && time::parse(first).is_some() {
        if let Some(stream) = words.next().filter(|word| word.contains(['/', '[', '-'])) {
            origin.stream = intern(stream);
            origin.release = origin::lambda_version(stream).map_or("", intern);
        }
        return origin;
    }
    // syslog and journalctl: `Nov 25 14:00:04 host unit[8521]: …`.
    let unit = prefix.split(' ').take(6).find_map(|word| word.strip_suffix("]:"));
    if let Some((unit, pid)) = unit.and_then(|word| word.split_once('['))
        && let Ok(pid) = pid.parse()
    {
        origin.pid = Some(pid);
        let before: Vec<&str> = prefix.split(' ').take_while(|word| !word.contains(unit)).collect();
        origin.host = before.last().map_or("", |host| intern(host));
    }
    origin
}
