//! Builds and dispatches the `tracing` event of a point.

use std::fmt::Write as _;

use tracing::Level;
use tracing::field::Value;

use crate::format::units::{HumanBytes, HumanDuration, SignedBytes};
use crate::runtime::events::callsite::Callsite;
use crate::runtime::events::fields::{EntryFields, ExitFields, ProbeFields};
use crate::runtime::events::figures::{
    EventCall, ExitEvent, ProbeEvent, ProcessSnapshot, SegmentFigures, Why,
};
use crate::runtime::events::line::Line;
use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::readings::{jemalloc, resident};
use crate::runtime::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Writes the entry of a call. Returns the RSS in the event, in bytes.
pub(crate) fn entry(callsite: &'static Callsite, who: EventCall, skipped: u64) -> Option<u64> {
    let around = ProcessSnapshot::look();
    let mut line = Line::new();
    line.name(who.function);
    let _ = line.write_str(": entered");
    line.rss(&around, None);
    let heap = around.heap();
    let skipped = (skipped > 0).then_some(skipped);
    let text = line.text();
    let fields = EntryFields {
        message: &text,
        memprobe: &"entry",
        function: &who.function,
        call_id: &who.ids.call,
        parent_id: &who.ids.parent,
        uptime_us: &around.uptime_us,
        rss: &around.rss,
        cgroup: &around.standing.usage,
        limit: &around.standing.limit,
        jemalloc_allocated: &heap[0],
        jemalloc_active: &heap[1],
        jemalloc_resident: &heap[2],
        jemalloc_metadata: &heap[3],
        skipped: &skipped,
    };
    callsite.dispatch(&fields.values());
    around.rss
}

/// Writes a probe. Returns the RSS in the event, in bytes.
pub(crate) fn probe(
    callsite: &'static Callsite,
    found: &ProbeEvent,
    user: &[Option<&dyn Value>],
) -> Option<u64> {
    let around = ProcessSnapshot::look();
    let mut line = Line::new();
    line.name(found.function);
    let _ = line.write_str(": ");
    match found.from {
        Some(from) => line.segment(from, found.label),
        None => line.label(found.label),
    }
    if let Some(reading) = &found.reading {
        line.reading(reading);
    }
    line.rss(&around, found.last_rss);
    let heap = around.heap();
    let reading = found.reading.as_ref();
    let (peak, net, held) =
        (reading.map(|r| r.peak), reading.map(SegmentFigures::net), reading.map(|r| r.held));
    let (allocated, freed) = (reading.map(|r| r.allocated), reading.map(|r| r.freed));
    let (call_id, parent_id) =
        (found.ids.map(|ids| ids.call), found.ids.and_then(|ids| ids.parent));
    let skipped = (found.skipped > 0).then_some(found.skipped);
    let kind = if found.ids.is_some() { "probe" } else { "snapshot" };
    let text = line.text();
    let fields = ProbeFields {
        message: &text,
        memprobe: &kind,
        function: &found.function,
        from: &found.from,
        label: &found.label,
        call_id: &call_id,
        parent_id: &parent_id,
        uptime_us: &around.uptime_us,
        peak: &peak,
        net: &net,
        held: &held,
        allocated: &allocated,
        freed: &freed,
        rss: &around.rss,
        cgroup: &around.standing.usage,
        limit: &around.standing.limit,
        jemalloc_allocated: &heap[0],
        jemalloc_active: &heap[1],
        jemalloc_resident: &heap[2],
        jemalloc_metadata: &heap[3],
        skipped: &skipped,
    };
    let values = fields.values();
    if user.is_empty() {
        callsite.dispatch(&values);
    } else {
        let (before, after) = values.split_at(ProbeFields::BEFORE);
        callsite.dispatch(&[before, user, after].concat());
    }
    around.rss
}

/// Writes the exit of a call.
pub(crate) fn exit(
    callsite: &'static Callsite,
    ExitEvent { who, from, label, reading, whole, why, skipped }: &ExitEvent,
) {
    let reading = reading.as_ref();
    let around = ProcessSnapshot::look();
    // The kernel sums its counters only now and then, so `VmHWM` may lag behind RSS.
    let peak_rss = resident::peak_rss().max(around.rss);
    let mut line = Line::new();
    let duration_us = whole.duration.map(|duration| duration.as_micros() as u64);
    line.name(who.function);
    let _ = write!(line, ": {}", whole.outcome);
    if let Some(duration) = whole.duration {
        let _ = write!(line, " after {}", HumanDuration(duration));
    }
    if reading.is_some() {
        let _ = write!(line, ": peak {}", HumanBytes(whole.peak));
        if let Some(why) = why {
            let _ = write!(line, " ({})", why.name());
        }
        if whole.peak > 0 {
            let _ = line.write_str(" in ");
            line.segment(whole.peak_from, whole.peak_label);
        }
        let _ = write!(
            line,
            ", kept {}",
            SignedBytes(whole.allocated.wrapping_sub(whole.freed) as i64)
        );
    }
    line.rss_and_highest(&around, peak_rss);
    let heap = around.heap();
    let figure = |of: fn(&SegmentFigures) -> u64| reading.map(of);
    let (peak, allocated, freed) =
        (figure(|r| r.peak), figure(|r| r.allocated), figure(|r| r.freed));
    let (net, held) = (reading.map(SegmentFigures::net), reading.map(|r| r.held));
    let of_call = |bytes: u64| reading.map(|_| bytes);
    let (call_peak, call_allocated, call_freed) =
        (of_call(whole.peak), of_call(whole.allocated), of_call(whole.freed));
    let call_net = reading.map(|_| whole.allocated.wrapping_sub(whole.freed) as i64);
    let reached = reading.filter(|_| whole.peak > 0);
    let (peak_from, peak_label) =
        (reached.map(|_| whole.peak_from), reached.map(|_| whole.peak_label));
    let cold = whole.cold.then_some(true);
    let (why, skipped) = (why.map(Why::name), (*skipped > 0).then_some(*skipped));
    let text = line.text();
    let fields = ExitFields {
        message: &text,
        memprobe: &"exit",
        function: &who.function,
        from,
        label,
        call_id: &who.ids.call,
        parent_id: &who.ids.parent,
        uptime_us: &around.uptime_us,
        peak: &peak,
        net: &net,
        held: &held,
        allocated: &allocated,
        freed: &freed,
        rss: &around.rss,
        cgroup: &around.standing.usage,
        limit: &around.standing.limit,
        jemalloc_allocated: &heap[0],
        jemalloc_active: &heap[1],
        jemalloc_resident: &heap[2],
        jemalloc_metadata: &heap[3],
        outcome: &whole.outcome,
        duration_us: &duration_us,
        call_peak: &call_peak,
        call_peak_from: &peak_from,
        call_peak_label: &peak_label,
        call_net: &call_net,
        call_allocated: &call_allocated,
        call_freed: &call_freed,
        peak_rss: &peak_rss,
        cold: &cold,
        why: &why,
        skipped: &skipped,
    };
    callsite.dispatch(&fields.values());
}

/// Warns once that there are no heap figures, as soon as a subscriber wants the warning.
pub(crate) fn warn_without_jemalloc() {
    static TOLD: AtomicBool = AtomicBool::new(false);
    static CALLSITE: Callsite = Callsite::new(
        "memprobe",
        Level::WARN,
        (file!(), line!(), module_path!()),
        &["message", "memprobe"],
    );
    if TOLD.load(Relaxed) || jemalloc::is_global() || !CALLSITE.is_wanted() {
        return;
    }
    if !TOLD.swap(true, Relaxed) {
        let _ignored = IgnoreAllocs::begin();
        let message = "jemalloc is not the global allocator, so memprobe has no heap figures: \
                       add `memprobe::global_allocator!();` to the crate with `main`";
        CALLSITE.dispatch(&[Some(&message), Some(&"warning")]);
    }
}
