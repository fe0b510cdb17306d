//! Single calls: from their entry over their probes to their exit.

pub use memprobe::__builder::Outcome;
use memprobe::__builder::{Call, CallFigures, Context, Segment, SegmentFigures};

use crate::model::trend::Sums;
use crate::model::{Place, Process};
use crate::parse::event::{Event, Kind};

/// Most segments that are kept of one call; of a loop the later ones replace each other.
const SEGMENTS: usize = 64;

/// Whether there is room for more.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    pub rows: bool,
    pub open: bool,
}

/// What an event led to.
#[derive(Debug, Default)]
pub struct Told {
    pub beyond_room: bool,
    pub without_entry: bool,
    pub call: Option<CallRow>,
}

/// A call that runs, or that never ended.
#[derive(Clone, Debug)]
pub struct Open {
    pub function: &'static str,
    pub context: Context,
    pub parent_id: Option<u64>,
    /// The label it has passed last.
    pub after: &'static str,
    pub held: Option<i64>,
    /// The highest net so far that an event tells of.
    pub peak: u64,
    pub entered_us: u64,
    pub place: Place,
    pub segments: Vec<Passed>,
    has_probes: bool,
    /// What nested calls did in the segment, and in the call.
    nested: (u64, u64),
    nested_in_all: (u64, u64),
    /// What its segments allocated and freed of their own.
    own: (u64, u64),
}

/// One segment of a single call.
#[derive(Clone, Debug, Default)]
pub struct Passed {
    pub from: &'static str,
    pub label: &'static str,
    pub uptime_us: u64,
    /// Highest net above the start of the call, in bytes.
    pub level: u64,
    pub peak: u64,
    pub net: i64,
    pub held: i64,
    pub allocated: u64,
    pub rss: Option<u64>,
    pub own: Option<Box<str>>,
}

/// A single call.
#[derive(Clone, Debug)]
pub struct CallRow {
    /// Index of its process.
    pub process: usize,
    pub function: &'static str,
    pub call_id: u64,
    pub parent_id: Option<u64>,
    pub at: Option<i64>,
    pub entered_us: u64,
    pub uptime_us: u64,
    pub duration_us: Option<u64>,
    /// `None` where the log ends before the call does: its figures are those of its last probe.
    pub outcome: Option<Outcome>,
    pub peak: u64,
    pub allocated: u64,
    pub net: i64,
    pub cold: bool,
    pub why: &'static str,
    /// No call around it is known.
    pub is_root: bool,
    pub segments: Vec<Passed>,
    pub place: Place,
}

impl CallRow {
    /// Says how it ended.
    pub fn ended(&self) -> &'static str {
        match self.outcome {
            Some(Outcome::Returned) => "returned",
            Some(Outcome::Panicked) => "panicked",
            Some(Outcome::Cancelled) => "cancelled",
            Some(Outcome::Closed) => "closed",
            None => "never ended",
        }
    }
}

impl Process {
    /// Adds an event of a call.
    pub(super) fn add(&mut self, event: &Event, place: Place, room: Room) -> Told {
        let mut told = Told::default();
        let Some(call_id) = event.call_id else { return told };
        if !room.rows && !self.has_row(call_id, event) {
            told.beyond_room = true;
            self.forget(event);
            return told;
        }
        match event.kind {
            Some(Kind::Entry) if room.open => self.enter(call_id, event, place),
            Some(Kind::Entry) => told.beyond_room = true,
            Some(Kind::Probe) => {
                if !self.open.contains_key(&call_id) {
                    told.without_entry = true;
                    if !room.open {
                        told.beyond_room = true;
                        return told;
                    }
                    self.enter(call_id, event, place);
                }
                self.pass(call_id, event);
            }
            Some(Kind::Exit) => {
                if !self.open.contains_key(&call_id) {
                    // An exit that tells why it was written had no entry.
                    told.without_entry = event.why.is_empty();
                    self.enter(call_id, event, place);
                    if let Some(open) = self.open.get_mut(&call_id) {
                        open.has_probes = event.from != "entry";
                        open.entered_us =
                            open.entered_us.saturating_sub(event.duration_us.unwrap_or(0));
                    }
                }
                told.call = self.exit(call_id, event);
            }
            _ => {}
        }
        told
    }

    /// Whether the row is there that an event is summed up in.
    fn has_row(&self, call_id: u64, event: &Event) -> bool {
        let context_of = |call_id: u64| self.open.get(&call_id).map(|open| open.context);
        let caller = event.parent_id.and_then(context_of);
        let context = context_of(call_id).or_else(|| self.builder.context(caller, event.function));
        let is_entry = event.kind == Some(Kind::Entry);
        let labels = (event.from, event.label);
        context.is_some_and(|context| is_entry || self.builder.has_segment(context, labels))
    }

    /// Ends a call without its figures; returns whether it ran.
    pub(super) fn forget(&mut self, event: &Event) -> bool {
        if event.kind != Some(Kind::Exit) {
            return false;
        }
        let open = event.call_id.and_then(|call_id| self.open.remove(&call_id));
        if let Some(open) = &open {
            self.leave(open.function);
        }
        open.is_some()
    }

    fn enter(&mut self, call_id: u64, event: &Event, place: Place) {
        // An id that is in use belongs to a call that was lost: its end has no event.
        if let Some(lost) = self.open.remove(&call_id) {
            self.leave(lost.function);
        }
        let caller = event.parent_id.and_then(|parent| self.open.get(&parent));
        let caller = caller.map(|caller| caller.context);
        let context = self.builder.enter(caller, event.function);
        let running = self.running.entry(event.function).or_default();
        *running += 1;
        self.builder.raise_concurrency(event.function, *running);
        let open = Open {
            function: event.function,
            context,
            parent_id: event.parent_id,
            after: "entry",
            held: None,
            peak: 0,
            entered_us: event.uptime_us.unwrap_or(0),
            place,
            segments: Vec::new(),
            has_probes: false,
            nested: (0, 0),
            nested_in_all: (0, 0),
            own: (0, 0),
        };
        self.open.insert(call_id, open);
    }

    /// Ends a segment.
    fn pass(&mut self, call_id: u64, event: &Event) {
        let Some(open) = self.open.get_mut(&call_id) else { return };
        open.has_probes |= event.kind == Some(Kind::Probe);
        open.after = event.label;
        open.held = event.held.or(open.held);
        let nested = std::mem::take(&mut open.nested);
        let figures = event.allocated.zip(event.freed).map(|(allocated, freed)| {
            let (peak, net) = (event.peak.unwrap_or(0), allocated.wrapping_sub(freed) as i64);
            let before = event.held.unwrap_or(0).wrapping_sub(net);
            SegmentFigures {
                allocated,
                freed,
                nested_allocated: nested.0,
                nested_freed: nested.1,
                peak,
                level: before.wrapping_add_unsigned(peak).max(0) as u64,
            }
        });
        if let Some(figures) = &figures {
            let own = figures.own();
            open.own = (open.own.0.wrapping_add(own.0), open.own.1.wrapping_add(own.1));
            open.peak = open.peak.max(figures.level);
            if open.segments.len() >= SEGMENTS {
                open.segments.pop();
            }
            open.segments.push(Passed {
                from: event.from,
                label: event.label,
                uptime_us: event.uptime_us.unwrap_or(0),
                level: figures.level,
                peak: figures.peak,
                net: event.net.unwrap_or(0),
                held: event.held.unwrap_or(0),
                allocated: figures.allocated,
                rss: event.rss,
                own: event.own.clone(),
            });
        }
        let labels = (event.from, event.label);
        self.builder.add_segment(open.context, labels, Segment { figures });
    }

    fn exit(&mut self, call_id: u64, event: &Event) -> Option<CallRow> {
        self.pass(call_id, event);
        let open = self.open.remove(&call_id)?;
        self.leave(open.function);
        let (allocated, freed) = (event.call_allocated, event.call_freed);
        let figures = allocated.zip(freed).map(|(allocated, freed)| {
            let beside =
                |all: u64, nested: u64, own: u64| all.wrapping_sub(nested).wrapping_sub(own) as i64;
            CallFigures {
                allocated,
                freed,
                own_allocated_beside: beside(allocated, open.nested_in_all.0, open.own.0),
                own_freed_beside: beside(freed, open.nested_in_all.1, open.own.1),
                peak: event.call_peak.unwrap_or(0),
            }
        });
        let outcome = event.outcome?;
        let call = Call { outcome, has_probes: open.has_probes, figures };
        self.builder.add_call(open.context, &call);
        let around = open.parent_id.and_then(|parent| self.open.get_mut(&parent));
        let is_root = around.is_none();
        if let (Some(around), Some(figures)) = (around, figures) {
            for sums in [&mut around.nested, &mut around.nested_in_all] {
                sums.0 = sums.0.wrapping_add(figures.allocated);
                sums.1 = sums.1.wrapping_add(figures.freed);
            }
        }
        let (peak, net) = (event.call_peak.unwrap_or(0), event.call_net.unwrap_or(0));
        let sums = Sums {
            calls: 1,
            peak,
            allocated: allocated.unwrap_or(0),
            net,
            duration_us: event.duration_us.unwrap_or(0),
        };
        self.trends.entry(open.function).or_default().add(sums, event.cold);
        Some(CallRow {
            process: 0,
            function: open.function,
            call_id,
            parent_id: open.parent_id,
            at: event.at.or_else(|| self.time_of(event.uptime_us?)),
            entered_us: open.entered_us,
            uptime_us: event.uptime_us.unwrap_or(0),
            duration_us: event.duration_us,
            outcome: Some(outcome),
            peak,
            allocated: allocated.unwrap_or(0),
            net,
            cold: event.cold,
            why: event.why,
            is_root,
            segments: open.segments,
            place: open.place,
        })
    }

    /// Returns the calls that never ended, with what their probes tell. Of a call without one nothing
    /// is known.
    pub(super) fn never_ended(&self) -> impl Iterator<Item = CallRow> {
        let last = self.last_sign();
        let at_last_probe =
            |open: &Open| open.own.0.wrapping_add(open.nested_in_all.0).wrapping_sub(open.nested.0);
        self.open.iter().filter_map(move |(&call_id, open)| {
            let around = open.parent_id.and_then(|parent| self.open.get(&parent));
            Some(CallRow {
                process: 0,
                function: open.function,
                call_id,
                parent_id: open.parent_id,
                at: self.time_of(last),
                entered_us: open.entered_us,
                uptime_us: last,
                duration_us: last.checked_sub(open.entered_us),
                outcome: None,
                peak: open.peak,
                allocated: at_last_probe(open),
                net: open.held?,
                cold: false,
                why: "",
                is_root: around.is_none_or(|around| around.held.is_none()),
                segments: open.segments.clone(),
                place: open.place,
            })
        })
    }

    fn leave(&mut self, function: &'static str) {
        if let Some(running) = self.running.get_mut(function) {
            *running = running.saturating_sub(1);
        }
    }
}
