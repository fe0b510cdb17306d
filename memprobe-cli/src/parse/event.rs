//! An event of memprobe's, as a line has it.

use memprobe::__builder::Outcome;

use crate::names::{intern, printable};

/// Most bytes that are kept of the fields that a probe has of its own.
const OWN: usize = 200;

/// What an event tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A call begins.
    #[default]
    Entry,
    /// A call has reached a probe.
    Probe,
    /// A call has ended.
    Exit,
    /// A probe outside any call.
    Snapshot,
    /// A threshold of the watch was crossed.
    Watch,
    /// memprobe says what is missing in the program.
    Warning,
}

impl Kind {
    /// Returns the kind that the field `memprobe` names.
    pub fn named(name: &str) -> Option<Kind> {
        Some(match name {
            "entry" => Kind::Entry,
            "probe" => Kind::Probe,
            "exit" => Kind::Exit,
            "snapshot" => Kind::Snapshot,
            "watch" => Kind::Watch,
            "warning" => Kind::Warning,
            _ => return None,
        })
    }
}

/// An event with the fields that memprobe's documentation lists, in bytes and µs.
#[derive(Clone, Debug, Default)]
pub struct Event {
    pub kind: Option<Kind>,
    /// Time of day in µs since 1970.
    pub at: Option<i64>,
    pub message: Option<Box<str>>,
    pub function: &'static str,
    pub from: &'static str,
    pub label: &'static str,
    pub call_id: Option<u64>,
    pub parent_id: Option<u64>,
    pub uptime_us: Option<u64>,
    pub peak: Option<u64>,
    pub net: Option<i64>,
    pub held: Option<i64>,
    pub allocated: Option<u64>,
    pub freed: Option<u64>,
    pub rss: Option<u64>,
    pub cgroup: Option<u64>,
    pub limit: Option<u64>,
    pub jemalloc_allocated: Option<u64>,
    pub skipped: Option<u64>,
    pub outcome: Option<Outcome>,
    pub duration_us: Option<u64>,
    pub call_peak: Option<u64>,
    pub call_peak_from: &'static str,
    pub call_peak_label: &'static str,
    pub call_net: Option<i64>,
    pub call_allocated: Option<u64>,
    pub call_freed: Option<u64>,
    pub peak_rss: Option<u64>,
    pub cold: bool,
    /// Why an exit was written although its call was not admitted.
    pub why: &'static str,
    /// The probe's own fields.
    pub own: Option<Box<str>>,
}

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    Text(&'a str),
    Unsigned(u64),
    Signed(i64),
    Other,
}

impl Value<'_> {
    pub fn unsigned(self) -> Option<u64> {
        match self {
            Value::Unsigned(number) => Some(number),
            Value::Signed(number) => u64::try_from(number).ok(),
            // Log stores may keep numbers as text.
            Value::Text(text) => text.parse().ok(),
            Value::Other => None,
        }
    }

    fn signed(self) -> Option<i64> {
        match self {
            Value::Unsigned(number) => i64::try_from(number).ok(),
            Value::Signed(number) => Some(number),
            Value::Text(text) => text.parse().ok(),
            Value::Other => None,
        }
    }

    fn name(self) -> &'static str {
        if let Value::Text(text) = self { intern(text) } else { "" }
    }
}

impl Event {
    /// Sets the field of this name. Returns `false` if memprobe's events have none of that name.
    pub fn set(&mut self, name: &str, value: Value<'_>) -> bool {
        match name {
            "memprobe" => {
                self.kind = if let Value::Text(kind) = value { Kind::named(kind) } else { None };
            }
            "function" => self.function = value.name(),
            "from" => self.from = value.name(),
            "label" => self.label = value.name(),
            "call_id" => self.call_id = value.unsigned(),
            "parent_id" => self.parent_id = value.unsigned(),
            "uptime_us" => self.uptime_us = value.unsigned(),
            "peak" => self.peak = value.unsigned(),
            "net" => self.net = value.signed(),
            "held" => self.held = value.signed(),
            "allocated" => self.allocated = value.unsigned(),
            "freed" => self.freed = value.unsigned(),
            "rss" => self.rss = value.unsigned(),
            "cgroup" => self.cgroup = value.unsigned(),
            "limit" => self.limit = value.unsigned(),
            "jemalloc_allocated" => self.jemalloc_allocated = value.unsigned(),
            "jemalloc_active" | "jemalloc_resident" | "jemalloc_metadata" => {}
            "skipped" => self.skipped = value.unsigned(),
            "outcome" => self.outcome = outcome(value),
            "duration_us" => self.duration_us = value.unsigned(),
            "call_peak" => self.call_peak = value.unsigned(),
            "call_peak_from" => self.call_peak_from = value.name(),
            "call_peak_label" => self.call_peak_label = value.name(),
            "call_net" => self.call_net = value.signed(),
            "call_allocated" => self.call_allocated = value.unsigned(),
            "call_freed" => self.call_freed = value.unsigned(),
            "peak_rss" => self.peak_rss = value.unsigned(),
            "cold" => self.cold = true,
            "why" => self.why = value.name(),
            _ => return false,
        }
        true
    }

    /// Adds a field of the probe's own, as far as there is room.
    pub fn add_own(&mut self, text: &str) {
        let mut own = self.own.take().map_or(String::new(), String::from);
        if own.len() + text.len() < OWN {
            if !own.is_empty() {
                own.push(' ');
            }
            own.push_str(&printable(text));
        }
        self.own = (!own.is_empty()).then(|| own.into());
    }

    /// Returns what is missing for an event of its kind; `None` if it is whole.
    pub fn lacks(&self) -> Option<&'static str> {
        match self.kind {
            None => {
                Some("the field `memprobe` is none of entry, probe, exit, snapshot, watch, warning")
            }
            Some(Kind::Watch | Kind::Warning) => None,
            Some(_) if self.function.is_empty() => Some("it has no `function`"),
            Some(_) if self.uptime_us.is_none() => Some("it has no `uptime_us`"),
            Some(Kind::Snapshot) => None,
            Some(_) if self.call_id.is_none() => Some("it has no `call_id`"),
            Some(Kind::Probe | Kind::Exit) if self.label.is_empty() => Some("it has no `label`"),
            Some(Kind::Exit) if self.outcome.is_none() => Some("it has no `outcome`"),
            Some(Kind::Exit) if self.duration_us.is_none() => Some("it has no `duration_us`"),
            // All figures of a segment are there or none, and all of a call: a line that was cut has
            // some of them.
            Some(Kind::Probe | Kind::Exit) if self.peak.is_some() && self.freed.is_none() => {
                Some("it has no `freed`")
            }
            Some(Kind::Exit) if self.call_peak.is_some() && self.call_freed.is_none() => {
                Some("it has no `call_freed`")
            }
            Some(_) => None,
        }
    }
}

fn outcome(value: Value<'_>) -> Option<Outcome> {
    Some(match value {
        Value::Text("returned") => Outcome::Returned,
        Value::Text("panicked") => Outcome::Panicked,
        Value::Text("cancelled") => Outcome::Cancelled,
        Value::Text("closed") => Outcome::Closed,
        _ => return None,
    })
}
