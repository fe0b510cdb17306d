//! One call of one function: enter, point, exit.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::panicking;
use std::time::Instant;

use tracing::field::Value;

use crate::bytes::Bytes;
use crate::callsite::{self, Callsite};
use crate::clock;
use crate::event::{self, Found, Reading, Who, Whole};
use crate::flight::{Carried, Record};
use crate::jemalloc;
use crate::meter::{self, Left, Place, Progress, Quiet};
#[cfg(feature = "profiling")]
use crate::profiles;
use crate::rate::{Bucket, Rate};
use crate::segment::{Point, Segment, Stage};
use crate::site::{Outcome, Site, path_of};
use crate::slot::slot;
use crate::timeline;
use crate::totals::Hit;
use crate::tree::Node;
use crate::watch;

/// What a call carries beside its figures.
pub(crate) struct Open {
    /// `None` in a frame that is no call of a function.
    stage: Cell<Option<&'static Stage>>,
    /// Always taken before the call is dropped; without a destructor, so that the end of a
    /// sync call is one call of ours and nothing more.
    ticket: Cell<Option<ManuallyDrop<Box<Ticket>>>>,
    /// The call began while its thread was unwinding.
    unwinding: bool,
}

/// Taken by a call that was admitted: its events are written.
pub(crate) struct Ticket {
    who: Who,
    started: Instant,
    cold: bool,
    last_rss: Option<u64>,
    /// The highest level so far and the segment that reached it.
    peak: u64,
    peak_segment: Option<&'static Segment>,
}

impl Ticket {
    /// For work elsewhere, whose events are those of the call.
    pub fn carried(&self) -> Ticket {
        Ticket { last_rss: None, peak: 0, peak_segment: None, cold: false, ..*self }
    }
}

impl Open {
    /// Of a call that is about to begin, or of no call.
    #[inline]
    pub fn new() -> Open {
        Open { stage: Cell::new(None), ticket: Cell::new(None), unwinding: panicking() }
    }

    /// Goes on with a call.
    #[inline]
    pub fn resume(&self, stage: Option<&'static Stage>, ticket: Option<Box<Ticket>>) {
        self.stage.set(stage);
        self.set_ticket(ticket);
    }

    #[inline]
    pub fn take_ticket(&self) -> Option<Box<Ticket>> {
        self.ticket.take().map(ManuallyDrop::into_inner)
    }

    #[inline]
    fn set_ticket(&self, ticket: Option<Box<Ticket>>) {
        self.ticket.set(ticket.map(ManuallyDrop::new));
    }

    #[inline]
    pub fn with_ticket<T>(&self, look: impl FnOnce(&mut Ticket) -> T) -> Option<T> {
        let mut ticket = self.ticket.take()?;
        let seen = look(&mut ticket);
        self.ticket.set(Some(ticket));
        Some(seen)
    }

    #[inline]
    pub fn stage(&self) -> Option<&'static Stage> {
        self.stage.get()
    }

    #[inline]
    fn node(&self) -> Option<&'static Node> {
        self.stage.get().map(|stage| stage.node)
    }

    fn call_id(&self) -> Option<u64> {
        self.with_ticket(|ticket| ticket.who.call_id)
    }

    /// Writes the entry of a call, if it is wanted and admitted.
    #[inline(never)]
    fn admit(&self, site: &'static Site, now: u64) {
        if !jemalloc::is_global() {
            event::warn_without_jemalloc();
        }
        if !site.entry.is_wanted() && !site.exit.is_wanted() {
            return;
        }
        if let Some(skipped) = site.bucket.take(now, site.rate) {
            self.write_entry(site, skipped);
        }
    }

    #[cold]
    fn write_entry(&self, site: &'static Site, skipped: u64) {
        static CALLS: AtomicU64 = AtomicU64::new(1);
        let _quiet = Quiet::begin();
        let who = Who {
            function: site.name(),
            call_id: CALLS.fetch_add(1, Relaxed),
            parent_id: meter::find_open(Open::call_id),
        };
        let last_rss = event::entry(site.entry, who, skipped);
        let started = Instant::now();
        let cold = site.is_cold();
        let ticket = Ticket { who, started, cold, last_rss, peak: 0, peak_segment: None };
        self.set_ticket(Some(Box::new(ticket)));
    }

    /// Counts a segment that has ended, and goes on behind it.
    #[allow(clippy::inline_always, reason = "what it is given is in registers")]
    #[inline(always)]
    pub fn end_segment(&self, segment: &'static Segment, progress: &Progress) {
        let level = progress.held_before().wrapping_add(progress.segment_peak).max(0) as u64;
        let hit = Hit {
            bytes: progress.segment,
            own: progress.segment.since(progress.nested),
            peak: progress.segment_peak.max(0) as u64,
            mark: level,
            is_call: false,
        };
        segment.add(slot(), hit);
        #[cfg(feature = "profiling")]
        profiles::segment_ended(segment, progress);
        self.stage.set(Some(segment.to));
        self.with_ticket(|ticket| {
            if level > ticket.peak {
                ticket.peak = level;
                ticket.peak_segment = Some(segment);
            }
        });
    }
}

/// Begins a call of `site` in a frame that was just entered, and writes its entry if it is
/// admitted.
#[inline]
pub(crate) fn begin(frame: &meter::Frame, site: &'static Site) -> &'static Record {
    let caller = frame.find_caller(|caller| Some((caller.open_call.node()?, caller.record()?)));
    let stage = site.start(caller.map(|(node, _)| node));
    let now = clock::coarse();
    let record = Record::take(stage, caller.map(|(_, record)| record), now);
    frame.set_record(record);
    site.crowd.enter(slot(), now);
    frame.open_call.stage.set(Some(stage));
    timeline::pass(now, || site.name(), stage.after);
    if callsite::anybody_listens() {
        frame.open_call.admit(site, now);
    }
    watch::at_point(stage);
    record
}

/// Forgets a call whose end cannot be read.
pub(crate) fn abandon(record: &'static Record) {
    if let Some(stage) = record.stage() {
        stage.node.site.crowd.leave(slot());
    }
    record.close_carried();
    record.give();
}

/// Counts what work elsewhere did for the call of a frame that is about to be left.
#[inline]
pub(crate) fn close(frame: &meter::Frame) {
    credit(frame, frame.record().and_then(Record::close_carried));
}

#[inline]
fn credit(frame: &meter::Frame, carried: Option<Carried>) {
    if let Some(Carried { bytes, level }) = carried {
        frame.credit(bytes, level);
    }
}

impl Left<'_> {
    /// Ends a sync call.
    #[inline]
    pub fn end(self) {
        // Also true in an ordinary call that a destructor makes during unwinding.
        let panicked = panicking() && !self.frame.open_call.unwinding;
        self.finish(if panicked { Outcome::Panicked } else { Outcome::Returned });
    }

    /// Counts a call that has ended, and writes its exit if it was admitted.
    #[inline]
    pub fn finish(self, outcome: Outcome) {
        let open = &self.frame.open_call;
        let Some(stage) = open.stage() else { return };
        let site = stage.node.site;
        let slot = slot();
        site.crowd.leave(slot);
        if let Some(record) = self.frame.record() {
            record.give();
        }
        let ticket = open.take_ticket();
        if stage.is_entry && ticket.is_none() && self.is_idle() && !site.is_new() {
            // What most calls of a hot function are.
            stage.segment(site.end(outcome)).totals.add_idle(slot);
        } else {
            open.set_ticket(ticket);
            finish(self, stage, outcome);
        }
        watch::at_point(stage);
    }
}

#[inline(never)]
fn finish(left: Left<'_>, stage: &'static Stage, outcome: Outcome) {
    let (open, progress) = (&left.frame.open_call, left.progress());
    let site = stage.node.site;
    let segment = stage.segment(site.end(outcome));
    let mut whole = Hit {
        bytes: progress.call,
        own: Bytes::ZERO,
        peak: progress.call_peak.max(0) as u64,
        mark: progress.self_peak.max(0) as u64,
        is_call: true,
    };
    site.set_first(&whole);
    if stage.is_entry {
        whole.own = progress.segment.since(progress.nested);
        segment.add(slot(), whole);
        #[cfg(feature = "profiling")]
        profiles::segment_ended(segment, &progress);
    } else {
        open.end_segment(segment, &progress);
        stage.node.start().segment(site.whole(outcome)).add(slot(), whole);
    }
    if let Some(ticket) = open.take_ticket() {
        // The ticket too is ours: it must not count as freed by the user.
        let _quiet = Quiet::begin();
        write_exit(site, &ticket, segment, &progress, outcome);
        drop(ticket);
    }
}

fn reading(progress: &Progress) -> Option<Reading> {
    jemalloc::is_global().then(|| Reading {
        allocated: progress.segment.allocated,
        freed: progress.segment.freed,
        peak: progress.segment_peak.max(0) as u64,
        held: progress.call.net(),
    })
}

#[cold]
fn write_exit(
    site: &'static Site,
    ticket: &Ticket,
    segment: &'static Segment,
    progress: &Progress,
    outcome: Outcome,
) {
    let peak_segment = ticket.peak_segment.unwrap_or(segment);
    let whole = Whole {
        outcome: outcome.name(),
        duration: ticket.started.elapsed(),
        peak: progress.call_peak.max(0) as u64,
        peak_from: peak_segment.from.after,
        peak_label: peak_segment.label,
        allocated: progress.call.allocated,
        freed: progress.call.freed,
        cold: ticket.cold,
    };
    timeline::pass(clock::coarse(), || ticket.who.function, segment.label);
    let ends = (segment.from.after, segment.label);
    event::exit(site.exit, ticket.who, ends, reading(progress).as_ref(), &whole);
}

// --- a sync call --------------------------------------------------------------------------

pin_project_lite::pin_project! {
    /// The call of a sync function, on its stack; its end is the drop.
    pub struct Frame {
        site: &'static Site,
        #[pin]
        place: Place,
    }
}

impl Frame {
    /// A frame that is not entered yet.
    #[inline]
    pub fn new(site: &'static Site) -> Frame {
        Frame { site, place: Place::new() }
    }

    /// Starts the call.
    #[inline(never)]
    pub fn enter(self: Pin<&Frame>) {
        let this = self.project_ref();
        if let Some(frame) = this.place.enter(Open::new(), &Progress::START) {
            begin(frame, this.site);
        }
    }
}

// --- a probe ------------------------------------------------------------------------------

/// The static of a `probe!`.
pub struct ProbePoint {
    point: Point,
    callsite: &'static Callsite,
    /// The path of the function that the probe stands in, by an item in it.
    path: fn() -> &'static str,
    bucket: Bucket,
}

impl ProbePoint {
    #[doc(hidden)]
    pub const fn new(
        label: &'static str,
        path: fn() -> &'static str,
        callsite: &'static Callsite,
    ) -> ProbePoint {
        ProbePoint { point: Point::new(label), callsite, path, bucket: Bucket::new() }
    }
}

/// A probe whose event is going to be written.
pub struct Pending {
    callsite: &'static Callsite,
    found: Found,
}

/// Ends a segment, or takes a snapshot outside any call.
#[inline(never)]
pub fn probe(point: &'static ProbePoint) {
    if let Some(event) = reach(point) {
        event.write(&[]);
    }
}

/// The same for a probe with fields, whose values are asked for only if there is an event.
#[inline(never)]
pub fn probe_with(point: &'static ProbePoint) -> Option<Pending> {
    reach(point)
}

#[inline]
fn reach(point: &'static ProbePoint) -> Option<Pending> {
    if meter::is_quiet() {
        return None;
    }
    meter::innermost(|frame| {
        let call = frame.and_then(|frame| Some((frame, frame.open_call.stage.get()?)));
        let Some((frame, stage)) = call else { return snapshot(point) };
        credit(frame, frame.record().and_then(Record::take_carried));
        let progress = frame.cut();
        let segment = stage.segment(&point.point);
        let call = &frame.open_call;
        call.end_segment(segment, &progress);
        if let Some(record) = frame.record() {
            record.set_stage(segment.to);
        }
        watch::at_point(segment.to);
        let (who, last_rss) = call.with_ticket(|ticket| (ticket.who, ticket.last_rss))?;
        // A probe in a loop is passed over by the measure of its function's own rate.
        pending(point, stage.node.site.rate, |skipped| Found {
            function: who.function,
            label: segment.label,
            who: Some(who),
            reading: reading(&progress),
            from: Some(stage.after),
            last_rss,
            skipped,
        })
    })
}

/// Snapshots of one probe outside any call that are written, a second.
const SNAPSHOTS: Rate = Rate::a_second(10);

#[cold]
fn snapshot(point: &'static ProbePoint) -> Option<Pending> {
    event::warn_without_jemalloc();
    pending(point, SNAPSHOTS, |skipped| Found {
        function: path_of((point.path)()),
        label: point.point.label(),
        who: None,
        reading: None,
        from: None,
        last_rss: None,
        skipped,
    })
}

fn pending(
    point: &'static ProbePoint,
    rate: Rate,
    found: impl FnOnce(u64) -> Found,
) -> Option<Pending> {
    if !point.callsite.is_wanted() {
        return None;
    }
    let skipped = point.bucket.take(clock::coarse(), rate)?;
    Some(Pending { callsite: point.callsite, found: found(skipped) })
}

impl Pending {
    /// Writes the event with the values of the user's fields.
    #[cold]
    pub fn write(&self, values: &[Option<&dyn Value>]) {
        let _quiet = Quiet::begin();
        timeline::pass(clock::coarse(), || self.found.function, self.found.label);
        let rss = event::probe(self.callsite, &self.found, values);
        let ours = self.found.who.map(|who| who.call_id);
        meter::find_open(|open| {
            let shown = open.with_ticket(|ticket| {
                let ours = Some(ticket.who.call_id) == ours;
                if ours {
                    ticket.last_rss = rss;
                }
                ours
            });
            shown.filter(|&ours| ours)
        });
    }
}
