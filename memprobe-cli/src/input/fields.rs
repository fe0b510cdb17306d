//! What a document or a table has beside a line: where it is from, and its time.

use std::ops::ControlFlow;

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

/// Whether an object is an event of memprobe's, nested or flat.
fn is_event(value: &Value) -> bool {
    let has = |value: &Value| value.get("memprobe").is_some_and(Value::is_string);
    has(value) || value.get("fields").is_some_and(has)
}

impl<S: Sink> One<'_, S> {
    /// Reads an object or a list of a document: an event, or lines that are wrapped in it.
    pub(super) fn value(&mut self, number: u64, text: &[u8], told: Told) -> ControlFlow<()> {
        let before = self.found;
        let read = serde_json::from_slice(text);
        if let Ok(value) = &read
            && !is_event(value)
        {
            self.strings(number, value, told)?;
            if self.found > before {
                return ControlFlow::Continue(());
            }
        }
        self.line(number, &compact(text), told)?;
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
            Value::Object(_) if is_event(value) => {
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

/// Returns a value as it is in one line: without the white space between its parts.
fn compact(text: &[u8]) -> Vec<u8> {
    let (mut is_string, mut is_escaped) = (false, false);
    let keeps = |&byte: &u8| {
        is_string ^= byte == b'"' && !is_escaped;
        is_escaped = is_string && byte == b'\\' && !is_escaped;
        is_string || !byte.is_ascii_whitespace()
    };
    text.iter().copied().filter(keeps).collect()
}
