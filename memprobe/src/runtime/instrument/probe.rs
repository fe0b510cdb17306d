//! A probe: the end of a segment, or a snapshot outside any call.

use tracing::field::Value;

use crate::runtime::calls::record::Record;
use crate::runtime::calls::stack;
use crate::runtime::events::callsite::Callsite;
use crate::runtime::events::ceiling;
use crate::runtime::events::event;
use crate::runtime::events::figures::ProbeEvent;
use crate::runtime::events::rate_limit::{Rate, RateLimiter};
use crate::runtime::instrument::call::{self, segment_figures};
use crate::runtime::readings::clock;
use crate::runtime::readings::thread::{self, IgnoreAllocs};
use crate::runtime::stats::call_tree::Position;
use crate::runtime::stats::site::{Point, path_of};
use crate::runtime::stats::timeline;
use crate::runtime::watch::monitor as watch;

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

    #[cfg(feature = "spans")]
    pub(crate) fn label(&self) -> &'static str {
        self.point.label()
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
    match innermost() {
        Some((record, position)) => {
            let pending = cut(point, record, position);
            watch::at_point(record.position().unwrap_or(position));
            pending
        }
        None if stack::close_lost() => reach(point),
        None => snapshot(point),
    }
}

#[inline]
fn innermost() -> Option<(&'static Record, &'static Position)> {
    stack::innermost().and_then(|record| Some((record, record.position()?)))
}

/// Ends the segment of the innermost call, if there is one. Writes nothing: what it returns is for
/// later.
#[cfg(feature = "spans")]
pub(crate) fn reach_in_call(point: impl FnOnce() -> &'static ProbePoint) -> Option<Pending> {
    let (record, position) = innermost()?;
    cut(point(), record, position)
}

#[inline]
fn cut(
    point: &'static ProbePoint,
    record: &'static Record,
    position: &'static Position,
) -> Option<Pending> {
    call::count_carried(record);
    let progress = stack::cut(record);
    let segment = position.segment(&point.point);
    call::end_segment(segment, &progress);
    record.set_position(segment.to);
    record.admission.pass(segment, progress.level());
    let (ids, site) = (record.admission.ids()?, position.node.site);
    // A probe in a loop is limited by the rate of its function.
    pending(point, site.rate, Some(record), |skipped| ProbeEvent {
        function: site.name(),
        label: segment.label,
        ids: Some(ids),
        reading: segment_figures(&progress),
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
