//! One `tracing` event at each point: what is written, and how often.

use std::fmt::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tracing::callsite::{Callsite as _, DefaultCallsite};
use tracing::field::Value;
use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};
use tracing::{Level, Metadata};

use crate::jemalloc::{self, Heap};
use crate::meter::Quiet;
use crate::process;

/// A place in the program that writes events, in a static.
pub struct Callsite {
    inner: DefaultCallsite,
    known: AtomicBool,
}

impl Callsite {
    #[doc(hidden)]
    pub const fn new(metadata: &'static Metadata<'static>) -> Callsite {
        Callsite { inner: DefaultCallsite::new(metadata), known: AtomicBool::new(false) }
    }

    /// What a subscriber knows this place by.
    #[doc(hidden)]
    pub const fn identifier(&'static self) -> tracing::callsite::Identifier {
        tracing::callsite::Identifier(&self.inner)
    }

    /// Whether anybody may want the event: by the cached interest only, because `enabled`
    /// may not be asked without dispatching.
    #[inline]
    pub(crate) fn is_wanted(&'static self) -> bool {
        let level = *self.inner.metadata().level();
        level <= STATIC_MAX_LEVEL
            && ((level <= LevelFilter::current() && self.has_interest()) || is_bridged(level))
    }

    fn has_interest(&'static self) -> bool {
        if !self.known.load(Relaxed) {
            // The first question registers the callsite, which allocates.
            let _quiet = Quiet::begin();
            self.known.store(true, Relaxed);
            return !self.inner.interest().is_never();
        }
        !self.inner.interest().is_never()
    }

    /// Writes one event; `values` are those of the callsite's fields, in order. A subscriber
    /// that panics must not take down the function that is measured, least of all while the
    /// program unwinds.
    fn dispatch(&'static self, values: &[Option<&dyn Value>]) {
        let _ = catch_unwind(AssertUnwindSafe(|| {
            let metadata = self.inner.metadata();
            let level = *metadata.level();
            let values = metadata.fields().value_set_all(values);
            let interest = self.inner.interest();
            let enabled = level <= LevelFilter::current()
                && !interest.is_never()
                && (interest.is_always()
                    || tracing::dispatcher::get_default(|current| current.enabled(metadata)));
            if enabled {
                tracing::Event::dispatch(metadata, &values);
            }
            tracing::__tracing_log!(level, self.inner, &values);
        }));
    }
}

impl fmt::Debug for Callsite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.metadata().fmt(f)
    }
}

/// Whether `tracing` hands its events to `log` and `log` takes this level.
#[allow(unused_variables)]
fn is_bridged(level: Level) -> bool {
    tracing::if_log_enabled! {
        level,
        { tracing::level_to_log!(level) <= tracing::log::max_level() }
        else { false }
    }
}

// --- how often ---------------------------------------------------------------------------

/// Which events are written: so many a second, with a burst of twice that (the generic cell
/// rate algorithm: one word, the time at which the bucket is full again).
pub(crate) struct Bucket {
    full_at: AtomicU64,
    skipped: AtomicU64,
}

impl Bucket {
    pub const fn new() -> Bucket {
        Bucket { full_at: AtomicU64::new(0), skipped: AtomicU64::new(0) }
    }

    /// Takes one event of `rate` a second (0 for no limit). Gives how many were passed over
    /// before it, or `None` if this one is.
    pub fn take(&self, now: u64, rate: u32) -> Option<u64> {
        if rate == 0 {
            return Some(0);
        }
        let each = 1_000_000_000 / u64::from(rate);
        let burst = each * u64::from(rate) * 2;
        let take = |full_at: u64| {
            let next = full_at.max(now) + each;
            (next <= now + burst).then_some(next)
        };
        if self.full_at.fetch_update(Relaxed, Relaxed, take).is_ok() {
            return Some(self.skipped.swap(0, Relaxed));
        }
        self.skipped.fetch_add(1, Relaxed);
        None
    }
}

/// Nanoseconds since memprobe first looked at the clock.
pub(crate) fn clock() -> u64 {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// jemalloc's figures within the budget: refreshing them may take 5 % of wall time, with a
/// burst of 5 ms.
fn heap_within_budget() -> Option<Heap> {
    static BUSY: AtomicBool = AtomicBool::new(false);
    static PAID_UNTIL: AtomicU64 = AtomicU64::new(0);
    const SHARE: u64 = 20;
    const BURST: u64 = 5_000_000;
    let start = clock();
    let paid_until = PAID_UNTIL.load(Relaxed);
    if paid_until > start + BURST * SHARE || BUSY.swap(true, Relaxed) {
        return None;
    }
    let heap = jemalloc::heap();
    let cost = clock() - start;
    PAID_UNTIL.store(paid_until.max(start) + cost * SHARE, Relaxed);
    BUSY.store(false, Relaxed);
    heap
}

// --- what is written ---------------------------------------------------------------------

/// Names of the fields, in order; the user's own stand right after `label`.
#[doc(hidden)]
#[macro_export]
macro_rules! __fields {
    (probe $($user:expr),*) => {
        &[
            "message", "memprobe", "function", "from", "label", $($user,)*
            "call_id", "parent_id", "uptime_us", "peak", "net", "held", "allocated", "freed",
            "rss", "limit", "jemalloc_allocated", "jemalloc_active", "jemalloc_resident",
            "jemalloc_metadata", "skipped",
        ]
    };
    (entry) => {
        &[
            "message", "memprobe", "function", "call_id", "parent_id", "uptime_us", "rss",
            "limit", "jemalloc_allocated", "jemalloc_active", "jemalloc_resident",
            "jemalloc_metadata", "skipped",
        ]
    };
    (exit) => {
        &[
            "message", "memprobe", "function", "from", "label", "call_id", "parent_id",
            "uptime_us", "peak", "net", "held", "allocated", "freed", "rss", "limit",
            "jemalloc_allocated", "jemalloc_active", "jemalloc_resident", "jemalloc_metadata",
            "outcome", "duration_us", "call_peak", "call_peak_from", "call_peak_label",
            "call_net", "call_allocated", "call_freed", "rss_max", "cold",
        ]
    };
}

/// Which call an event belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who {
    pub function: &'static str,
    pub call_id: u64,
    pub parent_id: Option<u64>,
}

/// What one segment did, as it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub from: &'static str,
    pub label: &'static str,
    pub allocated: u64,
    pub freed: u64,
    pub peak: u64,
    pub held: i64,
}

impl Reading {
    fn net(&self) -> i64 {
        self.allocated.wrapping_sub(self.freed) as i64
    }
}

/// A whole call, as its exit is written.
pub(crate) struct Whole {
    pub outcome: &'static str,
    pub duration: Duration,
    pub peak: u64,
    pub peak_from: &'static str,
    pub peak_label: &'static str,
    pub allocated: u64,
    pub freed: u64,
    pub cold: bool,
}

/// The figures of the process that every event carries.
struct Surroundings {
    uptime_us: u64,
    rss: Option<u64>,
    limit: Option<u64>,
    heap: Option<Heap>,
}

impl Surroundings {
    fn look() -> Surroundings {
        Surroundings {
            uptime_us: process::uptime_us(Instant::now()),
            rss: process::rss(),
            limit: process::limit(),
            heap: heap_within_budget(),
        }
    }

    fn heap(&self) -> [Option<u64>; 4] {
        let figure = |of: fn(&Heap) -> u64| self.heap.as_ref().map(of);
        [
            figure(|h| h.allocated),
            figure(|h| h.active),
            figure(|h| h.resident),
            figure(|h| h.metadata),
        ]
    }
}

fn value<T: Value>(value: &T) -> Option<&dyn Value> {
    Some(value)
}

fn maybe<T: Value>(value: &Option<T>) -> Option<&dyn Value> {
    value.as_ref().map(|value| value as &dyn Value)
}

/// Writes the entry of a call; gives the RSS it showed.
pub(crate) fn entry(callsite: &'static Callsite, who: Who, skipped: u64) -> Option<u64> {
    let around = Surroundings::look();
    let mut line = Line::new();
    let _ = write!(line, "{}: entered", short(who.function));
    line.rss(&around, None);
    let heap = around.heap();
    let skipped = (skipped > 0).then_some(skipped);
    callsite.dispatch(&[
        value(&line.text()),
        value(&"entry"),
        value(&who.function),
        value(&who.call_id),
        maybe(&who.parent_id),
        value(&around.uptime_us),
        maybe(&around.rss),
        maybe(&around.limit),
        maybe(&heap[0]),
        maybe(&heap[1]),
        maybe(&heap[2]),
        maybe(&heap[3]),
        maybe(&skipped),
    ]);
    around.rss
}

/// What a probe found, before it is written.
pub(crate) struct Found {
    pub function: &'static str,
    pub label: &'static str,
    pub who: Option<Who>,
    /// `None` outside any call, and where jemalloc does not count.
    pub reading: Option<Reading>,
    pub from: Option<&'static str>,
    pub last_rss: Option<u64>,
    pub skipped: u64,
}

/// Writes a probe; gives the RSS it showed.
pub(crate) fn probe(
    callsite: &'static Callsite,
    found: &Found,
    user: &[Option<&dyn Value>],
) -> Option<u64> {
    let around = Surroundings::look();
    let mut line = Line::new();
    let function = found.who.map_or(found.function, |who| who.function);
    let _ = write!(line, "{}: ", short(function));
    match found.from {
        Some(from) => line.segment(from, found.label),
        None => line.label(found.label),
    }
    if let Some(reading) = &found.reading {
        let kept = Signed(reading.net());
        let _ = write!(line, ": peak +{}, kept {kept}, holds ", Scaled(reading.peak));
        line.holds(reading.held);
    }
    line.rss(&around, found.last_rss);
    let heap = around.heap();
    let reading = found.reading.as_ref();
    let (peak, net, held) =
        (reading.map(|r| r.peak), reading.map(Reading::net), reading.map(|r| r.held));
    let (allocated, freed) = (reading.map(|r| r.allocated), reading.map(|r| r.freed));
    let call_id = found.who.map(|who| who.call_id);
    let parent_id = found.who.and_then(|who| who.parent_id);
    let skipped = (found.skipped > 0).then_some(found.skipped);
    let kind = if found.who.is_some() { "probe" } else { "snapshot" };
    let text = line.text();
    let mut values: Vec<Option<&dyn Value>> =
        vec![value(&text), value(&kind), value(&function), maybe(&found.from), value(&found.label)];
    values.extend_from_slice(user);
    values.extend([
        maybe(&call_id),
        maybe(&parent_id),
        value(&around.uptime_us),
        maybe(&peak),
        maybe(&net),
        maybe(&held),
        maybe(&allocated),
        maybe(&freed),
        maybe(&around.rss),
        maybe(&around.limit),
        maybe(&heap[0]),
        maybe(&heap[1]),
        maybe(&heap[2]),
        maybe(&heap[3]),
        maybe(&skipped),
    ]);
    callsite.dispatch(&values);
    around.rss
}

/// Writes the exit of a call.
pub(crate) fn exit(
    callsite: &'static Callsite,
    who: Who,
    (from, label): (&'static str, &'static str),
    reading: Option<&Reading>,
    whole: &Whole,
) {
    let around = Surroundings::look();
    let rss_max = process::rss_max();
    let mut line = Line::new();
    let duration_us = whole.duration.as_micros() as u64;
    let _ =
        write!(line, "{}: {} after {}", short(who.function), whole.outcome, Took(whole.duration));
    if reading.is_some() {
        let _ = write!(line, ": peak {}", Scaled(whole.peak));
        if whole.peak > 0 {
            let _ = line.write_str(" in ");
            line.segment(whole.peak_from, whole.peak_label);
        }
        let _ = write!(line, ", kept {}", Signed(whole.allocated.wrapping_sub(whole.freed) as i64));
    }
    line.rss(&around, None);
    if let Some(highest) = rss_max {
        let _ = write!(line, ", highest {}", Scaled(highest));
        line.percent(highest, around.limit);
    }
    let heap = around.heap();
    let figure = |of: fn(&Reading) -> u64| reading.map(of);
    let (peak, allocated, freed) =
        (figure(|r| r.peak), figure(|r| r.allocated), figure(|r| r.freed));
    let (net, held) = (reading.map(Reading::net), reading.map(|r| r.held));
    let of_call = |bytes: u64| reading.map(|_| bytes);
    let (call_peak, call_allocated, call_freed) =
        (of_call(whole.peak), of_call(whole.allocated), of_call(whole.freed));
    let call_net = reading.map(|_| whole.allocated.wrapping_sub(whole.freed) as i64);
    let reached = reading.filter(|_| whole.peak > 0);
    let (peak_from, peak_label) =
        (reached.map(|_| whole.peak_from), reached.map(|_| whole.peak_label));
    let cold = whole.cold.then_some(true);
    callsite.dispatch(&[
        value(&line.text()),
        value(&"exit"),
        value(&who.function),
        value(&from),
        value(&label),
        value(&who.call_id),
        maybe(&who.parent_id),
        value(&around.uptime_us),
        maybe(&peak),
        maybe(&net),
        maybe(&held),
        maybe(&allocated),
        maybe(&freed),
        maybe(&around.rss),
        maybe(&around.limit),
        maybe(&heap[0]),
        maybe(&heap[1]),
        maybe(&heap[2]),
        maybe(&heap[3]),
        value(&whole.outcome),
        value(&duration_us),
        maybe(&call_peak),
        maybe(&peak_from),
        maybe(&peak_label),
        maybe(&call_net),
        maybe(&call_allocated),
        maybe(&call_freed),
        maybe(&rss_max),
        maybe(&cold),
    ]);
}

/// Says once, to the first subscriber that wants it, that there are no heap figures.
pub(crate) fn warn_without_jemalloc() {
    static TOLD: AtomicBool = AtomicBool::new(false);
    static METADATA: Metadata<'static> = Metadata::new(
        "memprobe",
        "memprobe",
        Level::WARN,
        Some(file!()),
        Some(line!()),
        Some(module_path!()),
        tracing::field::FieldSet::new(&["message", "memprobe"], CALLSITE.identifier()),
        tracing::metadata::Kind::EVENT,
    );
    static CALLSITE: Callsite = Callsite::new(&METADATA);
    if TOLD.load(Relaxed) || jemalloc::is_global() || !CALLSITE.is_wanted() {
        return;
    }
    if !TOLD.swap(true, Relaxed) {
        let _quiet = Quiet::begin();
        let message = "jemalloc is not the global allocator, so memprobe has no heap figures: \
                       add `memprobe::global_allocator!();` to the crate with `main`";
        CALLSITE.dispatch(&[value(&message), value(&"warning")]);
    }
}

// --- text for people ----------------------------------------------------------------------

/// One line of at most 140 ASCII characters.
struct Line {
    bytes: [u8; 140],
    len: usize,
}

impl Line {
    fn new() -> Line {
        Line { bytes: [0; 140], len: 0 }
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or("")
    }

    fn rss(&mut self, around: &Surroundings, last: Option<u64>) {
        let Some(rss) = around.rss else { return };
        let _ = write!(self, "; rss {}", Scaled(rss));
        if let Some(last) = last {
            let _ = write!(self, " ({})", Signed(rss.wrapping_sub(last) as i64));
        }
        if let Some(limit) = around.limit {
            let _ = write!(self, " of {}", Scaled(limit));
        }
        self.percent(rss, around.limit);
    }

    fn percent(&mut self, part: u64, limit: Option<u64>) {
        if let Some(limit) = limit.filter(|&limit| limit > 0) {
            let _ = write!(self, " ({}%)", u128::from(part) * 100 / u128::from(limit));
        }
    }

    fn holds(&mut self, held: i64) {
        let sign = if held < 0 { "-" } else { "" };
        let _ = write!(self, "{sign}{}", Scaled(held.unsigned_abs()));
    }

    fn segment(&mut self, from: &str, label: &str) {
        self.label(from);
        let _ = self.write_str(" -> ");
        self.label(label);
    }

    /// The field has the label whole; here it must leave room for the figures.
    fn label(&mut self, label: &str) {
        self.clipped(label, 18);
    }

    fn clipped(&mut self, text: &str, most: usize) {
        if text.chars().count() <= most {
            let _ = self.write_str(text);
            return;
        }
        let kept: usize = text.chars().take(most - 2).map(char::len_utf8).sum();
        let _ = self.write_str(&text[..kept]);
        let _ = self.write_str("..");
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for char in text.chars() {
            let Some(place) = self.bytes.get_mut(self.len) else { return Err(fmt::Error) };
            *place = if char.is_ascii() && !char.is_ascii_control() { char as u8 } else { b'?' };
            self.len += 1;
        }
        Ok(())
    }
}

/// The last part of a function's path, with its type for a method.
fn short(path: &str) -> Short<'_> {
    Short(path)
}

struct Short<'a>(&'a str);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 28;
        let mut parts = self.0.rsplit("::");
        let name = parts.next().unwrap_or(self.0);
        let of = parts.next().filter(|of| {
            let is_type = of.trim_start_matches('<').starts_with(|c: char| c.is_uppercase());
            is_type && of.len() + name.len() + 2 <= MOST
        });
        if let Some(of) = of {
            write!(f, "{}::", of.trim_matches(['<', '>']))?;
        }
        let end = name.char_indices().nth(MOST).map_or(name.len(), |(end, _)| end);
        f.write_str(&name[..end])
    }
}

/// Bytes in the unit that people read.
pub(crate) struct Scaled(pub u64);

impl fmt::Display for Scaled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0;
        if bytes < 1 << 10 {
            return write!(f, "{bytes} B");
        }
        // The next unit where rounding would reach it.
        if bytes < (1 << 20) - (1 << 9) {
            return write!(f, "{:.0} KiB", bytes as f64 / 1024.0);
        }
        if bytes < (1 << 30) - (1 << 19) / 10 {
            return write!(f, "{:.1} MiB", bytes as f64 / f64::from(1 << 20));
        }
        write!(f, "{:.2} GiB", bytes as f64 / f64::from(1 << 30))
    }
}

/// Bytes with a sign.
pub(crate) struct Signed(pub i64);

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { '-' } else { '+' };
        write!(f, "{sign}{}", Scaled(self.0.unsigned_abs()))
    }
}

/// A duration in the unit that people read.
struct Took(Duration);

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = self.0.as_micros();
        match us {
            0..10_000 => write!(f, "{us} us"),
            10_000..10_000_000 => write!(f, "{} ms", us / 1000),
            _ => write!(f, "{} s", us / 1_000_000),
        }
    }
}
