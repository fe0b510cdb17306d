//! One call of one function: its entry, its probes, its exit.

use std::marker::PhantomData;
use std::thread::panicking;
use std::time::Duration;

use tracing::field::Value;

use crate::runtime::calls::carried::Carried;
use crate::runtime::calls::frame::{Delta, Progress};
use crate::runtime::calls::record::Record;
use crate::runtime::calls::{pool, stack};
use crate::runtime::events::callsite::{self, Callsite};
use crate::runtime::events::ceiling;
use crate::runtime::events::event;
use crate::runtime::events::figures::{CallSummary, EventCall, Ids, ProbeEvent, SegmentFigures};
use crate::runtime::events::rate_limit::{Rate, RateLimiter};
use crate::runtime::readings::bytes::Bytes;
use crate::runtime::readings::clock;
use crate::runtime::readings::jemalloc;
use crate::runtime::readings::shard::shard;
use crate::runtime::readings::thread::{self, IgnoreAllocs};
use crate::runtime::stats::call_tree::{Annotated, Position, Segment};
use crate::runtime::stats::site::{Outcome, Point, Site, path_of};
use crate::runtime::stats::timeline;
use crate::runtime::stats::totals::Observation;
use crate::runtime::sync::atomic::{AtomicU64, Ordering::Relaxed};
use crate::runtime::watch::monitor as watch;
#[cfg(feature = "profiling")]
use crate::runtime::watch::profiles;

impl Record {
    /// Records that the call was admitted; its duration counts from here.
    pub fn set_admitted(&self, ids: Ids, cold: bool) {
        self.admission.set(ids, clock::fine(), cold);
        self.frame.mark_dirty();
    }

    /// Writes the entry of a call if a subscriber wants its events and the call is admitted.
    #[inline(never)]
    fn admit(&self, site: &'static Site, now: u64) {
        if !jemalloc::is_global() {
            event::warn_without_jemalloc();
        }
        if !site.entry.is_wanted() && !site.exit.is_wanted() {
            return;
        }
        if let Some(skipped) = site.limiter.take_if(now, site.rate, || ceiling::admits(now)) {
            self.write_entry(site, skipped);
        }
    }

    #[cold]
    fn write_entry(&self, site: &'static Site, skipped: u64) {
        static CALLS: AtomicU64 = AtomicU64::new(1);
        /// Maximum number of open calls searched for the parent: a recursion may be deep.
        const PARENTS: usize = 1000;
        let _ignored = IgnoreAllocs::begin();
        let ids = Ids {
            call: CALLS.fetch_add(1, Relaxed),
            parent: stack::chain()
                .take(PARENTS)
                .find_map(|record| Some(record.admission.ids()?.call)),
        };
        let last_rss = event::entry(site.entry, EventCall { function: site.name(), ids }, skipped);
        self.set_admitted(ids, site.is_cold());
        self.admission.set_last_rss(last_rss);
    }
}

/// Adds a segment that has ended to its totals and to the timeline.
#[allow(clippy::inline_always, reason = "what it is given is in registers")]
#[inline(always)]
pub(crate) fn end_segment(segment: &'static Segment, progress: &Progress) {
    let observation = Observation {
        bytes: progress.segment,
        own: progress.segment.since(progress.nested),
        peak: progress.segment_peak.max(0) as u64,
        level_or_self_peak: progress.level(),
        is_call: false,
    };
    segment.add(shard(), observation);
    timeline::end(segment, observation.bytes, observation.peak);
    #[cfg(feature = "profiling")]
    profiles::segment_ended(segment, progress);
}

/// Begins a call of `function`, and writes its entry if it is admitted. Returns `None`, and begins
/// no call, while memprobe itself is at work.
#[inline]
pub(crate) fn begin(function: &'static Annotated) -> Option<&'static Record> {
    let record = stack::enter()?;
    let caller = stack::callers(record).find_map(|caller| Some((caller, caller.position()?)));
    let site = &function.site;
    let position = function.start(caller.map(|(_, position)| position.node));
    let now = clock::coarse();
    record.begin(position, caller.map(|(caller, _)| caller), now);
    if panicking() {
        record.set_began_unwinding();
    }
    site.concurrency.enter(shard(), now);
    timeline::pass(now, || (site.name(), position.after));
    if callsite::anybody_listens() {
        record.admit(site, now);
    }
    watch::at_point(position);
    Some(record)
}

/// Ends a call without counting it: it may have moved, and its end cannot be read.
pub(crate) fn abandon(record: &'static Record) {
    if let Some(position) = record.position() {
        position.node.site.concurrency.leave(shard());
    }
    record.carried.close();
    pool::release(record);
}

/// Counts what work elsewhere did for a call whose frame is about to be left.
#[inline]
pub(crate) fn close(record: &Record) {
    credit(record, record.carried.close());
}

#[inline]
fn credit(record: &Record, carried: Option<Carried>) {
    if let Some(Carried { bytes, level }) = carried {
        stack::credit(record, bytes, level);
    }
}

/// Ends a call whose frame is open.
#[inline]
pub(crate) fn end(record: &'static Record, outcome: Outcome) {
    close(record);
    let position = record.position();
    let left = stack::leave(record);
    // By reference, because to copy it takes 7 instructions of the 280 of a call.
    let Some(left) = &left else { return lose(position) };
    let Some(position) = position else { return pool::release(record) };
    finish(record, left, position, outcome);
}

/// Interrupts a call whose frame is open. Returns `false` if the call is lost.
pub(crate) fn suspend(record: &'static Record) -> bool {
    let position = record.position();
    let left = stack::leave(record);
    match left {
        Some(left) => drop(record.suspend(left)),
        None => lose(position),
    }
    left.is_some()
}

/// Counts a lost call as one that no longer runs. Its frame was left on another thread than it was
/// entered on, so it is in no total.
#[cold]
fn lose(position: Option<&'static Position>) {
    if let Some(position) = position {
        position.node.site.concurrency.leave(shard());
    }
}

/// Counts a call that has ended, and writes its exit if it was admitted.
#[inline]
fn finish(record: &'static Record, left: &Delta, position: &'static Position, outcome: Outcome) {
    let (site, shard) = (position.node.site, shard());
    site.concurrency.leave(shard);
    match (left, position.find(site.end(outcome))) {
        // Most calls of a hot function are idle.
        (&Delta::Idle, Some(segment)) => {
            pool::release_clean(record);
            segment.totals.add_idle(shard);
        }
        (&Delta::Simple(bytes, level), Some(segment)) => {
            pool::release_clean(record);
            let peak = level as u64;
            segment.add(
                shard,
                Observation { bytes, own: bytes, peak, level_or_self_peak: peak, is_call: true },
            );
            timeline::end(segment, bytes, peak);
            #[cfg(feature = "profiling")]
            profiles::segment_ended(segment, &record.frame.progress_of(*left));
        }
        _ => finish_any(record, *left, position, outcome),
    }
    watch::at_point(position);
}

#[inline(never)]
fn finish_any(record: &'static Record, left: Delta, position: &'static Position, outcome: Outcome) {
    let (progress, site) = (record.frame.progress_of(left), position.node.site);
    let segment = position.segment(site.end(outcome));
    record.admission.pass(segment, progress.level());
    let exit = record.admission.ids().map(|ids| Exit {
        who: EventCall { function: site.name(), ids },
        segment,
        peak_segment: record.admission.peak_segment().unwrap_or(segment),
        started: record.admission.started(),
        cold: record.admission.is_cold(),
        outcome,
    });
    // The release comes first, so that no thread sees the call both running and in the totals.
    pool::release(record);
    let mut whole = Observation {
        bytes: progress.call,
        own: Bytes::ZERO,
        peak: progress.call_peak.max(0) as u64,
        level_or_self_peak: progress.self_peak.max(0) as u64,
        is_call: true,
    };
    site.set_first(&whole);
    if position.is_entry {
        whole.own = progress.segment.since(progress.nested);
        segment.add(shard(), whole);
        timeline::end(segment, whole.bytes, whole.peak);
        #[cfg(feature = "profiling")]
        profiles::segment_ended(segment, &progress);
    } else {
        end_segment(segment, &progress);
        position.node.start().segment(site.whole(outcome)).add(shard(), whole);
    }
    if let Some(exit) = exit {
        exit.write(site, &progress);
    }
}

fn reading(progress: &Progress) -> Option<SegmentFigures> {
    jemalloc::is_global().then(|| SegmentFigures {
        allocated: progress.segment.allocated,
        freed: progress.segment.freed,
        peak: progress.segment_peak.max(0) as u64,
        held: progress.call.net(),
    })
}

/// The exit of an admitted call. Its record may belong to another call by now.
struct Exit {
    who: EventCall,
    segment: &'static Segment,
    peak_segment: &'static Segment,
    /// When the entry had been written, in ns of the fine clock.
    started: u64,
    cold: bool,
    outcome: Outcome,
}

impl Exit {
    #[cold]
    fn write(&self, site: &'static Site, progress: &Progress) {
        let _ignored = IgnoreAllocs::begin();
        let took = clock::fine().saturating_sub(self.started);
        let whole = CallSummary {
            outcome: self.outcome.name(),
            duration: Duration::from_nanos(took),
            peak: progress.call_peak.max(0) as u64,
            peak_from: self.peak_segment.from.after,
            peak_label: self.peak_segment.label,
            allocated: progress.call.allocated,
            freed: progress.call.freed,
            cold: self.cold,
        };
        let (from, label) = (self.segment.from.after, self.segment.label);
        timeline::pass(clock::coarse(), || (self.who.function, label));
        event::exit(site.exit, self.who, (from, label), reading(progress).as_ref(), &whole);
    }
}

// --- a sync call --------------------------------------------------------------------------

/// The call of a sync function, which ends when this is dropped. Empty if there is no call.
#[must_use = "the call ends when it is dropped"]
pub struct Entered(Option<&'static Record>, NotSend);

/// Makes `Entered` not `Send`: a call ends on the thread on which it began.
type NotSend = PhantomData<*const ()>;

/// Begins the call of a sync function.
#[inline(never)]
pub fn enter(function: &'static Annotated) -> Entered {
    Entered(begin(function), PhantomData)
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        exit(self.0);
    }
}

/// Ends the call of a sync function. Not inlined, because every sync function has several ends.
#[inline(never)]
fn exit(record: Option<&'static Record>) {
    let Some(record) = record else { return };
    // `panicking` is also true in an ordinary call that a destructor makes during unwinding.
    let panicked = panicking() && !record.began_unwinding();
    end(record, if panicked { Outcome::Panicked } else { Outcome::Returned });
}

// --- a probe ------------------------------------------------------------------------------

/// The static of a `probe!`.
pub struct ProbePoint {
    point: Point,
    callsite: &'static Callsite,
    /// Returns the path of an item in the function that the probe stands in.
    path: fn() -> &'static str,
    limiter: RateLimiter,
}

impl ProbePoint {
    #[doc(hidden)]
    pub const fn new(
        label: &'static str,
        path: fn() -> &'static str,
        callsite: &'static Callsite,
    ) -> ProbePoint {
        ProbePoint { point: Point::new(label), callsite, path, limiter: RateLimiter::new() }
    }
}

/// A probe whose event is going to be written.
pub struct Pending {
    callsite: &'static Callsite,
    /// The record of the call, if there is one.
    record: Option<&'static Record>,
    found: ProbeEvent,
}

/// Ends a segment, or takes a snapshot outside any call.
#[inline(never)]
pub fn probe(point: &'static ProbePoint) {
    if let Some(event) = reach(point) {
        event.write(&[]);
    }
}

/// Ends a segment, or takes a snapshot outside any call, for a probe with fields. Their values are
/// evaluated only if an event is returned.
#[inline(never)]
pub fn probe_with(point: &'static ProbePoint) -> Option<Pending> {
    reach(point)
}

#[inline]
fn reach(point: &'static ProbePoint) -> Option<Pending> {
    if thread::is_ignoring() {
        return None;
    }
    let call = stack::innermost().and_then(|record| Some((record, record.position()?)));
    let Some((record, position)) = call else {
        return if stack::close_lost() { reach(point) } else { snapshot(point) };
    };
    credit(record, record.carried.take());
    let progress = stack::cut(record);
    let segment = position.segment(&point.point);
    end_segment(segment, &progress);
    record.set_position(segment.to);
    record.admission.pass(segment, progress.level());
    watch::at_point(segment.to);
    let (ids, site) = (record.admission.ids()?, position.node.site);
    // A probe in a loop is limited by the rate of its function.
    pending(point, site.rate, Some(record), |skipped| ProbeEvent {
        function: site.name(),
        label: segment.label,
        ids: Some(ids),
        reading: reading(&progress),
        from: Some(position.after),
        last_rss: record.admission.last_rss(),
        skipped,
    })
}

#[cold]
fn snapshot(point: &'static ProbePoint) -> Option<Pending> {
    event::warn_without_jemalloc();
    pending(point, Rate::DEFAULT, None, |skipped| ProbeEvent {
        function: path_of((point.path)()),
        label: point.point.label(),
        ids: None,
        reading: None,
        from: None,
        last_rss: None,
        skipped,
    })
}

fn pending(
    point: &'static ProbePoint,
    rate: Rate,
    record: Option<&'static Record>,
    found: impl FnOnce(u64) -> ProbeEvent,
) -> Option<Pending> {
    if !point.callsite.is_wanted() {
        return None;
    }
    let (now, rate) = (clock::coarse(), ceiling::lower(rate)?);
    let found = found(point.limiter.take(now, rate)?);
    timeline::pass(now, || (found.function, found.label));
    Some(Pending { callsite: point.callsite, record, found })
}

impl Pending {
    /// Writes the event with the values of the user's fields.
    #[cold]
    pub fn write(&self, values: &[Option<&dyn Value>]) {
        let _ignored = IgnoreAllocs::begin();
        let rss = event::probe(self.callsite, &self.found, values);
        if let Some(record) = self.record {
            // The call may have ended while the fields were evaluated, and its record may belong to
            // another.
            if record.admission.ids() == self.found.ids {
                record.admission.set_last_rss(rss);
            }
        }
    }
}
