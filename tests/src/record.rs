//! A subscriber that keeps the events it sees, field by field.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Metadata};

use crate::listener::Listener;

/// One event: its metadata, its fields in order.
#[derive(Clone, Debug)]
pub struct Record {
    /// What the callsite says of itself.
    pub metadata: &'static Metadata<'static>,
    /// Names and values, in the order in which they were visited.
    pub fields: Vec<(&'static str, String)>,
}

impl Record {
    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value.as_str())
    }

    /// The value of a field that must be a number.
    ///
    /// # Panics
    ///
    /// Where there is none.
    pub fn number(&self, name: &str) -> i64 {
        let value = self.get(name).unwrap_or_else(|| panic!("no {name} in {self:?}"));
        value.parse().unwrap_or_else(|_| panic!("{name}={value} in {self:?}"))
    }

    /// The fields by name.
    pub fn map(&self) -> BTreeMap<&'static str, String> {
        self.fields.iter().cloned().collect()
    }
}

static RECORDS: Mutex<Vec<Record>> = Mutex::new(Vec::new());

fn records() -> std::sync::MutexGuard<'static, Vec<Record>> {
    RECORDS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes all events seen so far.
pub fn take() -> Vec<Record> {
    std::mem::take(&mut *records())
}

/// Takes the newest event.
pub fn pop() -> Option<Record> {
    records().pop()
}

/// The subscriber.
#[derive(Debug, Default)]
pub struct Recorder;

impl Recorder {
    /// Installs it for the process.
    ///
    /// # Panics
    ///
    /// Where there is a subscriber already.
    pub fn install() {
        Listener(keep).install();
    }
}

/// Keeps an event, as the subscriber does.
pub fn keep(event: &Event<'_>) {
    let mut fields = Fields(Vec::new());
    event.record(&mut fields);
    records().push(Record { metadata: event.metadata(), fields: fields.0 });
}

struct Fields(Vec<(&'static str, String)>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push((field.name(), format!("{value:?}")));
    }
}
