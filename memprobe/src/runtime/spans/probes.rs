//! The events of the program as probes.
//!
//! An event must not be written while another is on its way through the layers of a subscriber:
//! filters of single layers keep what they have decided about it on the thread. So what is to be
//! written waits on the thread.

use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::path::Path;
use std::ptr;

use tracing::field::{Field, Visit};
use tracing::subscriber::NoSubscriber;
use tracing::{Event, Metadata};

use crate::runtime::events::callsite::Callsite;
use crate::runtime::instrument::probe::{self, Pending, ProbePoint};
use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::spans::functions;
use crate::runtime::sync::OnceLock;
use crate::runtime::sync::map::{self, Map};

/// Maximum length of a message that is a label, in bytes.
const LONGEST: usize = 60;

/// Maximum number of probes that wait on a thread: one that is never done with a subscriber may have
/// many. The rate of their functions limits them too.
const WAITING: usize = 1000;

/// The labels of an event's callsite.
struct Labels {
    event: &'static Metadata<'static>,
    /// The message of the first event; `None` if it is no literal. A message that is all one
    /// argument looks like one, until another event has another.
    literal: Option<&'static ProbePoint>,
    /// File and line, for all events once their messages are known to differ.
    place: OnceLock<&'static ProbePoint>,
}

static LABELS: Map<Labels> = Map::new();

/// Ends the segment of the innermost call, if there is one.
pub(super) fn reach(event: &Event<'_>) {
    let point = || {
        let _ignored = IgnoreAllocs::begin();
        point_of(event)
    };
    if let Some(pending) = probe::reach_in_call(point) {
        let _ignored = IgnoreAllocs::begin();
        let _ = PENDING.try_with(|waiting| {
            let mut waiting = waiting.borrow_mut();
            if waiting.len() < WAITING {
                waiting.push(pending);
            }
        });
    }
}

fn point_of(event: &Event<'_>) -> &'static ProbePoint {
    let metadata = event.metadata();
    let hash = map::hash(ptr::from_ref(metadata));
    let is = |labels: &Labels| ptr::eq(labels.event, metadata);
    let labels = LABELS.get_or_init(hash, is, || Labels::of(event));
    let literal = labels
        .literal
        .filter(|point| labels.place.get().is_none() && Message::of(event).is(point.label()));
    literal.unwrap_or_else(|| labels.place.get_or_init(|| point(metadata, place(metadata))))
}

impl Labels {
    fn of(event: &Event<'_>) -> Labels {
        let metadata = event.metadata();
        let literal = Message::of(event).literal().map(|label| point(metadata, label));
        Labels { event: metadata, literal, place: OnceLock::new() }
    }
}

fn point(event: &'static Metadata<'static>, label: String) -> &'static ProbePoint {
    let (target, place) = (functions::target(event), functions::place(event));
    let callsite = Callsite::new(target, *event.level(), place, crate::__fields!(probe));
    let point = ProbePoint::new(label.leak(), || "", Box::leak(Box::new(callsite)));
    Box::leak(Box::new(point))
}

/// Returns `file.rs:42`, or the target where the place is not known.
fn place(event: &Metadata<'_>) -> String {
    let name = event.file().and_then(|file| Path::new(file).file_name()?.to_str());
    match (name, event.line()) {
        (Some(name), Some(line)) => format!("{name}:{line}"),
        _ => event.target().to_owned(),
    }
}

/// The message of an event as far as it is written in one piece: a literal is, and a text with
/// arguments is not.
#[derive(Default)]
struct Message {
    text: Option<String>,
    is_in_pieces: bool,
}

impl Message {
    fn of(event: &Event<'_>) -> Message {
        let mut message = Message::default();
        event.record(&mut message);
        message
    }

    fn literal(self) -> Option<String> {
        let text = self.text.filter(|text| !self.is_in_pieces && !text.is_empty())?;
        Some(shortened(text))
    }

    fn is(self, label: &str) -> bool {
        self.literal().is_some_and(|literal| literal == label)
    }
}

fn shortened(mut text: String) -> String {
    if text.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // An error ends the formatting at the second piece.
            let _ = write!(self, "{value:?}");
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.text = Some(value.to_owned());
        }
    }
}

impl fmt::Write for Message {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        if self.text.is_some() {
            self.is_in_pieces = true;
            return Err(fmt::Error);
        }
        self.text = Some(piece.to_owned());
        Ok(())
    }
}

// --- what waits to be written -------------------------------------------------------------------

thread_local! {
    static PENDING: RefCell<Vec<Pending>> = const { RefCell::new(Vec::new()) };
}

/// Writes what waits on this thread, unless a scoped subscriber is at work: it would not get it.
pub(super) fn write() {
    let waits = |waiting: &RefCell<Vec<Pending>>| !waiting.borrow().is_empty();
    if PENDING.try_with(waits).unwrap_or(false) && can_be_written() {
        let _ignored = IgnoreAllocs::begin();
        let pending = PENDING.try_with(RefCell::take).unwrap_or_default();
        for pending in &pending {
            pending.write(&[]);
        }
    }
}

fn can_be_written() -> bool {
    tracing::dispatcher::get_default(|current| !current.is::<NoSubscriber>())
}
