//! What a document or a table has beside a line: where it is from, and its time.

use std::borrow::Cow;
use std::ops::ControlFlow;

use memchr::memmem;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::input::lines::OURS;
use crate::input::{One, Sink};
use crate::parse::origin::Origin;
use crate::parse::time;

/// Where a line is from, and its time in µs since 1970.
pub(super) type Told = (Origin, Option<i64>);

/// Returns what fields tell, and what only those around them do.
pub(super) fn told(fields: &Map<String, Value>, around: Told) -> Told {
    let (mut origin, mut at) = (Origin::default(), None);
    for (key, value) in fields {
        match value {
            Value::Object(labels) if is_labels(key) => {
                (origin, at) = told(labels, (origin, at));
            }
            Value::String(text) if is_time(key) => at = at.or_else(|| time::parse(text)),
            Value::Number(number) if is_time(key) => {
                at = at.or_else(|| time::of_number(number.as_u64()?));
            }
            Value::String(text) => {
                origin.set(key, text);
            }
            Value::Number(number) if matches!(&**key, "pid" | "_PID") => {
                origin.set(key, &number.to_string());
            }
            _ => {}
        }
    }
    (origin.or(around.0), at.or(around.1))
}

fn is_labels(key: &str) -> bool {
    matches!(key, "attributes" | "docker" | "kubernetes" | "labels" | "stream")
}

/// Whether a column or a field of this name has the time of a line.
pub(super) fn is_time(key: &str) -> bool {
    ["timestamp", "@timestamp", "time", "ts", "tsNs", "date", "__REALTIME_TIMESTAMP"]
        .into_iter()
        .any(|name| name.eq_ignore_ascii_case(key))
}

/// Returns a row of CloudWatch's queries, a list of fields and their values, as one object.
fn row(values: &[Value]) -> Option<Value> {
    let field =
        |value: &Value| Some((value.get("field")?.as_str()?.into(), value.get("value")?.clone()));
    let row: Map<String, Value> = values.iter().map(field).collect::<Option<_>>()?;
    (!row.is_empty()).then_some(Value::Object(row))
}

/// The field that an event of memprobe's has, flat or nested.
#[derive(Deserialize)]
struct Event {
    memprobe: Option<IgnoredAny>,
    fields: Option<Box<Event>>,
}

fn is_event(text: &[u8]) -> bool {
    let event = || serde_json::from_slice::<Event>(text).ok();
    memmem::find(text, b"\"memprobe\"").is_some()
        && event().is_some_and(|it| it.memprobe.or(it.fields.and_then(|it| it.memprobe)).is_some())
}

fn is_parsed(fields: &Map<String, Value>) -> bool {
    fields.contains_key("memprobe")
        || fields.get("fields").is_some_and(|fields| fields.get("memprobe").is_some())
}

/// Whether an object has one line as its message, and no event of its own.
fn is_wrapper(text: &[u8]) -> bool {
    let mut ends = memmem::find_iter(text, b"\\n");
    let is_escaped = |at: usize| text[..at].ends_with(b"\\");
    text.starts_with(b"{")
        && memmem::find(text, b"\"message\"").is_some()
        && memmem::find(text, b"\"memprobe\"").is_none()
        && ends.all(|at| text.get(at + 2) == Some(&b'"') || is_escaped(at))
}

impl<S: Sink> One<'_, S> {
    /// Reads an object or a list of a document: an event, or lines that are wrapped in it.
    pub(super) fn value(&mut self, number: u64, text: &[u8], told: Told) -> ControlFlow<()> {
        let before = self.found;
        let is_line = is_event(text) || is_wrapper(text);
        if is_line {
            self.line(number, &begun(text), told)?;
        }
        if self.found > before {
            return ControlFlow::Continue(());
        }
        let read = serde_json::from_slice(text);
        if let Ok(value) = &read {
            self.strings(number, value, told)?;
        }
        if self.found == before && !is_line {
            self.line(number, &begun(text), told)?;
        }
        match read {
            Err(error) if self.found == before => {
                self.unreadable(number, text, format!("JSON was expected: {error}"))
            }
            _ => ControlFlow::Continue(()),
        }
    }

    /// Reads the lines in the strings of a value, whatever their keys are, and the events in it.
    pub(super) fn strings(&mut self, number: u64, value: &Value, around: Told) -> ControlFlow<()> {
        match value {
            Value::String(text) if self.may_be_ours(text.as_bytes()) => {
                text.lines().try_for_each(|line| self.line(number, line.as_bytes(), around))
            }
            // A collector has parsed it.
            Value::Object(fields) if is_parsed(fields) => {
                self.line(number, value.to_string().as_bytes(), around)
            }
            Value::Object(fields) => {
                let told = told(fields, around);
                // What the application has called its spans is no line.
                let others = fields.iter().filter(|(key, _)| !matches!(&***key, "span" | "spans"));
                others
                    .map(|(_, value)| value)
                    .try_for_each(|value| self.strings(number, value, told))
            }
            Value::Array(values) => {
                if let Some(row) = row(values) {
                    return self.strings(number, &row, around);
                }
                // Loki's pair of a time and a line.
                let at = values.first().and_then(|first| time::parse(first.as_str()?));
                let told = (around.0, at.or(around.1));
                values.iter().try_for_each(|value| self.strings(number, value, told))
            }
            _ => ControlFlow::Continue(()),
        }
    }

    /// Whether a text must be read.
    pub(super) fn may_be_ours(&self, text: &[u8]) -> bool {
        self.parser.waits() || OURS.is_match(text)
    }
}

/// Returns an object as a line of a log begins with it: with no white space before its first key.
fn begun(text: &[u8]) -> Cow<'_, [u8]> {
    match text.strip_prefix(b"{") {
        Some(rest) if rest.starts_with(b"\"") => Cow::Borrowed(text),
        Some(rest) => Cow::Owned([b"{", rest.trim_ascii_start()].concat()),
        None => Cow::Borrowed(text),
    }
}
