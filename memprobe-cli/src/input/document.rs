//! Logs that are one document of JSON: what CloudWatch's `filter-log-events` and Loki's API answer.
//! It is read as it comes, and never held as a whole.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufReader, Read};
use std::ops::ControlFlow;

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use crate::input::{Extent, One, Sink};
use crate::parse::origin::{self, Origin};

/// Whether a log is such a document: it begins with an object that is not closed in its line, or
/// with one of the keys that these have.
pub(super) fn is_one(start: &[u8]) -> bool {
    let start = start.trim_ascii_start();
    let line = start.split(|&byte| byte == b'\n').next().unwrap_or(start).trim_ascii();
    let keys: [&[u8]; 5] =
        [b"{\"events\":", b"{\"status\":\"success\"", b"{\"streams\":", b"{\"data\":{", b"[{\""];
    matches!(line, b"{" | b"[") || keys.iter().any(|key| line.starts_with(key))
}

pub(super) fn read<S: Sink>(reader: impl Read, one: &mut One<'_, S>) -> io::Result<Extent> {
    let counted = Counted { reader, count: &Cell::new(0) };
    let count = counted.count;
    let mut values = serde_json::Deserializer::from_reader(BufReader::new(counted));
    let mut walk = Walk { one, events: 0, stopped: false };
    loop {
        let ended =
            Part { walk: &mut walk, origin: Origin::default(), depth: 0 }.deserialize(&mut values);
        let Err(error) = ended else { continue };
        if !walk.stopped && !error.is_eof() || error.is_eof() && count.get() == 0 {
            let why = format!("a document of JSON was expected: {error}");
            let _ = walk.one.unreadable(walk.events, b"", why);
        } else if error.is_eof() && (error.line() > 1 || error.column() > 0) && !at_end(&error) {
            let why = format!("the document ends before its end: {error}");
            let _ = walk.one.unreadable(walk.events, b"", why);
        }
        let lines = walk.events;
        walk.one.finish(lines);
        return Ok(Extent { lines, bytes: count.get(), is_cut: false });
    }
}

/// Whether the text ended between two values, and not inside one.
fn at_end(error: &serde_json::Error) -> bool {
    error.to_string().starts_with("EOF while parsing a value")
}

struct Counted<'c, R> {
    reader: R,
    count: &'c Cell<u64>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(into)?;
        self.count.set(self.count.get() + count as u64);
        Ok(count)
    }
}

struct Walk<'w, 's, S> {
    one: &'w mut One<'s, S>,
    events: u64,
    stopped: bool,
}

/// Objects deeper than this have no log events in them.
const DEPTH: usize = 8;

/// A part of the document: an object, a list, or something else.
struct Part<'p, 'w, 's, S> {
    walk: &'p mut Walk<'w, 's, S>,
    origin: Origin,
    depth: usize,
}

impl<'de, S: Sink> DeserializeSeed<'de> for Part<'_, '_, '_, S> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, S: Sink> Visitor<'de> for Part<'_, '_, '_, S> {
    /// The text, if it is one.
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Part { walk, mut origin, depth } = self;
        let mut line = None;
        while let Some(key) = map.next_key::<String>()? {
            if depth >= DEPTH {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            // Labels of a stream of Loki's stand in front of its lines.
            if matches!(&*key, "stream" | "labels") {
                if let serde_json::Value::Object(labels) = map.next_value()? {
                    for (label, value) in &labels {
                        if let Some(value) = value.as_str() {
                            origin.set(label, value);
                        }
                    }
                }
                continue;
            }
            let inner = Part { walk, origin, depth: depth + 1 };
            let Some(text) = map.next_value_seed(inner)? else { continue };
            match &*key {
                "message" | "line" | "@message" => line = Some(text),
                _ => {
                    origin.set(&key, &text);
                    if let Some(version) = origin::lambda_version(&text) {
                        origin.set("version", version);
                    }
                }
            }
        }
        if let Some(line) = line {
            walk.line(&line, origin).map_err(A::Error::custom)?;
        }
        Ok(None)
    }

    /// A list of log events, of streams, or Loki's pair of a time and a line.
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let Part { walk, origin, depth } = self;
        let mut texts: Vec<String> = Vec::new();
        let mut place = 0;
        if depth >= DEPTH {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(None);
        }
        while let Some(text) = seq.next_element_seed(Part { walk, origin, depth: depth + 1 })? {
            if place < 2 {
                texts.extend(text);
            }
            place += 1;
        }
        if let [time, line] = &texts[..]
            && !time.is_empty()
            && time.bytes().all(|byte| byte.is_ascii_digit())
        {
            walk.line(line, origin).map_err(A::Error::custom)?;
        }
        Ok(None)
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(Some(text))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

impl<S: Sink> Walk<'_, '_, S> {
    fn line(&mut self, line: &str, origin: Origin) -> Result<(), &'static str> {
        self.events += 1;
        for line in line.lines() {
            if let ControlFlow::Break(()) =
                self.one.line(self.events, line.as_bytes(), (origin, None))
            {
                self.stopped = true;
                return Err("stopped");
            }
        }
        Ok(())
    }
}
