//! One call of one function: its entry, its probes, its exit.

use std::marker::PhantomData;
use std::thread::panicking;
use std::time::Duration;

use crate::runtime::calls::carried::Carried;
use crate::runtime::calls::frame::{Delta, Progress};
use crate::runtime::calls::record::Record;
use crate::runtime::calls::{pool, stack};
use crate::runtime::events::callsite::{self, Callsite};
use crate::runtime::events::ceiling;
use crate::runtime::events::event;
use crate::runtime::events::figures::{
    CallSummary, EventCall, ExitEvent, Ids, SegmentFigures, Why,
};
use crate::runtime::readings::bytes::Bytes;
use crate::runtime::readings::clock;
use crate::runtime::readings::jemalloc;
use crate::runtime::readings::shard::shard;
use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::stats::call_tree::{Annotated, Position, Segment};
use crate::runtime::stats::site::{Outcome, Site};
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
        let is_wanted = site.entry.is_wanted() || site.exit.is_wanted();
        if !is_wanted && !site.above().is_some_and(Callsite::is_wanted) {
            return;
        }
        site.outliers.listen();
        if !is_wanted {
            return;
        }
        if let Some(skipped) = site.limiter.take_if(now, site.rate, || ceiling::admits(now)) {
            self.write_entry(site, skipped);
        }
    }

    #[cold]
    fn write_entry(&self, site: &'static Site, skipped: u64) {
        let _ignored = IgnoreAllocs::begin();
        let ids = new_ids();
        let last_rss = event::entry(site.entry, EventCall { function: site.name(), ids }, skipped);
        self.set_admitted(ids, site.is_cold());
        self.admission.set_last_rss(last_rss);
    }
}

/// Returns the ids of a call that is written, inside the open calls of this thread.
fn new_ids() -> Ids {
    static CALLS: AtomicU64 = AtomicU64::new(1);
    /// Maximum number of open calls searched for the parent: a recursion may be deep.
    const PARENTS: usize = 1000;
    let mut callers = stack::chain().take(PARENTS);
    let parent = callers.find_map(|record| Some(record.admission.ids()?.call));
    Ids { call: CALLS.fetch_add(1, Relaxed), parent }
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
pub(crate) fn close(record: &'static Record) {
    credit(record, record.carried.close());
}

/// Counts what work elsewhere has done so far for a call whose frame is open.
#[inline]
pub(crate) fn count_carried(record: &'static Record) {
    credit(record, record.carried.take());
}

#[inline]
fn credit(record: &'static Record, carried: Option<Carried>) {
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
        (&Delta::Simple(bytes, level), Some(segment)) if !site.outliers.may_be(level as u64) => {
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
    let (admission, ids) = (&record.admission, record.admission.ids());
    let is_written = ids.is_some() || site.outliers.may_be(progress.call_peak.max(0) as u64);
    let exit = is_written.then(|| Exit {
        ids,
        segment,
        peak_segment: admission.peak_segment(segment, progress.level()),
        started: if ids.is_some() { admission.started() } else { record.started() },
        cold: ids.is_some() && admission.is_cold(),
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

/// Returns the figures of a segment that has ended; `None` if jemalloc does not count.
pub(crate) fn segment_figures(progress: &Progress) -> Option<SegmentFigures> {
    jemalloc::is_global().then(|| SegmentFigures {
        allocated: progress.segment.allocated,
        freed: progress.segment.freed,
        peak: progress.segment_peak.max(0) as u64,
        held: progress.call.net(),
    })
}

/// The exit of a call that may be written. Its record may belong to another call by now.
struct Exit {
    /// `None` if the call was not admitted: it has no entry.
    ids: Option<Ids>,
    segment: &'static Segment,
    peak_segment: &'static Segment,
    /// When the entry had been written, in ns of the fine clock, or when the call began, in ns of
    /// the coarse one.
    started: u64,
    cold: bool,
    outcome: Outcome,
}

impl Exit {
    /// Writes the exit of a call that was admitted or stands out, and one that has waited.
    #[cold]
    fn write(&self, site: &'static Site, progress: &Progress) {
        let _ignored = IgnoreAllocs::begin();
        let (outliers, now, is_wanted) = (&site.outliers, clock::coarse(), wants_outliers(site));
        if !is_wanted {
            outliers.stop_listening();
        } else if let Some(waiting) = outliers.take_waiting(now) {
            write_outlier(site, *waiting);
        }
        let why = outliers.why(progress.call_peak.max(0) as u64);
        if let Some(ids) = self.ids {
            // It would be written in any case.
            let why = why.filter(|why| *why == Why::Above);
            write_exit(site, &self.event(site, ids, progress, why));
        } else if why.is_some() && is_wanted {
            let event = self.event(site, new_ids(), progress, why);
            if outliers.has_room(now) {
                write_outlier(site, event);
            } else {
                outliers.wait(Box::new(event));
            }
        }
    }

    fn event(
        &self,
        site: &'static Site,
        ids: Ids,
        progress: &Progress,
        why: Option<Why>,
    ) -> ExitEvent {
        /// Least duration that the coarse clock tells well enough, in ns: it steps by up to 10 ms.
        const TOLD: u64 = 100_000_000;
        let took = clock::fine().saturating_sub(self.started);
        let is_told = self.ids.is_some() || took >= TOLD;
        ExitEvent {
            who: EventCall { function: site.name(), ids },
            from: self.segment.from.after,
            label: self.segment.label,
            reading: segment_figures(progress),
            whole: CallSummary {
                outcome: self.outcome.name(),
                duration: is_told.then(|| Duration::from_nanos(took)),
                peak: progress.call_peak.max(0) as u64,
                peak_from: self.peak_segment.from.after,
                peak_label: self.peak_segment.label,
                allocated: progress.call.allocated,
                freed: progress.call.freed,
                cold: self.cold,
            },
            why,
            skipped: 0,
        }
    }
}

/// Whether anybody wants the exits of calls that stand out.
fn wants_outliers(site: &'static Site) -> bool {
    let is_wanted = site.exit.is_wanted() || site.above().is_some_and(Callsite::is_wanted);
    is_wanted && !ceiling::is_off()
}

/// Writes the exit of a call without an entry.
fn write_outlier(site: &'static Site, mut event: ExitEvent) {
    // The call itself was counted too.
    event.skipped = site.limiter.take_skipped().saturating_sub(1);
    write_exit(site, &event);
}

fn write_exit(site: &'static Site, event: &ExitEvent) {
    let above = site.above().filter(|_| event.why == Some(Why::Above));
    timeline::pass(clock::coarse(), || (event.who.function, event.label));
    event::exit(above.unwrap_or(site.exit), event);
    site.outliers.set_written(event.whole.peak);
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
