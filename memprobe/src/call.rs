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
use crate::event::{self, Found, Reading, Who, Whole};
use crate::jemalloc;
use crate::meter::{self, Left, Place, Progress, Quiet};
use crate::rate::{Bucket, Rate};
use crate::site::{Outcome, Point, Segment, Site, Stage, path_of};
use crate::totals::Hit;

/// What a call carries beside its figures.
pub(crate) struct Open {
    stage: Cell<&'static Stage>,
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

impl Open {
    #[inline]
    pub fn new(stage: &'static Stage) -> Open {
        Open { stage: Cell::new(stage), ticket: Cell::new(None), unwinding: panicking() }
    }

    pub fn stage(&self) -> &'static Stage {
        self.stage.get()
    }

    #[inline]
    pub fn take_ticket(&self) -> Option<Box<Ticket>> {
        self.ticket.take().map(ManuallyDrop::into_inner)
    }

    #[inline]
    pub fn set_ticket(&self, ticket: Option<Box<Ticket>>) {
        self.ticket.set(ticket.map(ManuallyDrop::new));
    }

    /// Writes the entry of a call that starts, if it is wanted and admitted.
    #[inline]
    pub fn start(&self) {
        if callsite::anybody_listens() {
            self.admit();
        }
    }

    #[inline(never)]
    fn admit(&self) {
        if !jemalloc::is_global() {
            event::warn_without_jemalloc();
        }
        let site = self.stage.get().site;
        if !site.entry.is_wanted() && !site.exit.is_wanted() {
            return;
        }
        if let Some(skipped) = site.bucket.take(site.rate) {
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

    fn call_id(&self) -> Option<u64> {
        self.with_ticket(|ticket| ticket.who.call_id)
    }

    #[inline]
    fn with_ticket<T>(&self, look: impl FnOnce(&mut Ticket) -> T) -> Option<T> {
        let mut ticket = self.ticket.take()?;
        let seen = look(&mut ticket);
        self.ticket.set(Some(ticket));
        Some(seen)
    }

    /// Ends the segment that `progress` is in, at `point`.
    #[allow(clippy::inline_always, reason = "what it is given is in registers")]
    #[inline(always)]
    fn end_segment(&self, point: &'static Point, progress: Progress) -> &'static Segment {
        let segment = point.segment(self.stage.get());
        let level = progress.held_before().wrapping_add(progress.segment_peak).max(0) as u64;
        segment.totals.add(Hit {
            bytes: progress.segment,
            own: progress.segment.since(progress.nested),
            peak: progress.segment_peak.max(0) as u64,
            level,
        });
        self.stage.set(segment.to);
        self.with_ticket(|ticket| {
            if level > ticket.peak {
                ticket.peak = level;
                ticket.peak_segment = Some(segment);
            }
        });
        segment
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

    /// Counts a call that ends, and writes its exit if it was admitted.
    #[inline]
    pub fn finish(self, outcome: Outcome) {
        let call = &self.frame.open_call;
        let stage = call.stage();
        let ticket = call.take_ticket();
        if stage.is_entry && ticket.is_none() && self.is_idle() {
            // What most calls of a hot function are.
            stage.site.end(outcome).segment(stage).totals.add_idle();
        } else {
            call.set_ticket(ticket);
            finish(self.frame, self.now, outcome);
        }
    }
}

#[inline(never)]
fn finish(frame: &meter::Frame, now: Bytes, outcome: Outcome) {
    let (call, progress) = (&frame.open_call, frame.progress(now));
    let Stage { site, is_entry, .. } = *call.stage();
    let segment = call.end_segment(site.end(outcome), progress);
    if !is_entry {
        let call_peak = progress.call_peak.max(0) as u64;
        site.whole(outcome).segment(site.start()).totals.add(Hit {
            bytes: progress.call,
            own: Bytes::ZERO,
            peak: call_peak,
            level: call_peak,
        });
    }
    if let Some(ticket) = call.take_ticket() {
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
        if let Some(frame) = this.place.enter(Open::new(this.site.start()), &Progress::START) {
            frame.open_call.start();
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
    meter::innermost(|frame| match frame {
        None => snapshot(point),
        Some(frame) => {
            let progress = frame.cut();
            let call = &frame.open_call;
            let segment = call.end_segment(&point.point, progress);
            let (who, last_rss) = call.with_ticket(|ticket| (ticket.who, ticket.last_rss))?;
            // A probe in a loop is passed over by the measure of its function's own rate.
            pending(point, segment.from.site.rate, |skipped| Found {
                function: who.function,
                label: segment.label,
                who: Some(who),
                reading: reading(&progress),
                from: Some(segment.from.after),
                last_rss,
                skipped,
            })
        }
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
    let skipped = point.bucket.take(rate)?;
    Some(Pending { callsite: point.callsite, found: found(skipped) })
}

impl Pending {
    /// Writes the event with the values of the user's fields.
    #[cold]
    pub fn write(&self, values: &[Option<&dyn Value>]) {
        let _quiet = Quiet::begin();
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
