//! The events of a watch. [`keep`] stores a crossing inside the allocator, where `tracing` cannot
//! be called; [`write`] writes its event at the next point outside.

use std::str;

use tracing::Level;

use crate::runtime::events::callsite::Callsite;
use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::stats::call_tree::Position;
use crate::runtime::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use crate::runtime::sync::static_ref::StaticRef;
use crate::runtime::watch::line::{Crossing, LONGEST, Text, value};
use crate::runtime::watch::thresholds;

static CALLSITE: Callsite = Callsite::new(
    "memprobe::watch",
    Level::WARN,
    (file!(), line!(), module_path!()),
    &[
        "message",
        "memprobe",
        "function",
        "label",
        "threshold",
        "at",
        "pid",
        "limit",
        "limit_was",
        "estimate",
        "rss",
        "cgroup",
        "active",
        "asked",
        "callers",
        "owners",
        "running",
        "kept_by_finished_calls",
        "not_in_annotated_code",
        "outside_jemalloc",
        "outside_process",
    ],
);

/// The last crossing of each threshold.
static KEPT: [Kept; thresholds::MOST] = [const { Kept::new() }; thresholds::MOST];

/// A crossing that waits for its event.
struct Kept {
    state: AtomicU8,
    /// The innermost call of the thread that crossed.
    position: StaticRef<Position>,
    /// The threshold in thousandths of a percent, and the figures of the event.
    threshold: AtomicU64,
    figures: [AtomicU64; FIGURES],
    text: [AtomicU64; LONGEST / 8],
    len: AtomicUsize,
}

const FIGURES: usize = 8;
/// Stands for a figure that is not available.
const ABSENT: u64 = u64::MAX;

const EMPTY: u8 = 0;
const BUSY: u8 = 1;
const FULL: u8 = 2;

impl Kept {
    const fn new() -> Kept {
        Kept {
            state: AtomicU8::new(EMPTY),
            position: StaticRef::none(),
            threshold: AtomicU64::new(0),
            figures: [const { AtomicU64::new(ABSENT) }; FIGURES],
            text: [const { AtomicU64::new(0) }; LONGEST / 8],
            len: AtomicUsize::new(0),
        }
    }

    /// Takes the slot if it is in one of the states `from`; `leave` must follow.
    fn take(&self, from: &[u8]) -> bool {
        let change = |state: u8| from.contains(&state).then_some(BUSY);
        self.state.fetch_update(Ordering::Acquire, Ordering::Relaxed, change).is_ok()
    }

    fn leave(&self, state: u8) {
        self.state.store(state, Ordering::Release);
    }
}

/// Keeps a crossing for [`write`], and replaces an earlier one of the same threshold. Neither
/// allocates nor waits: while another thread uses the slot, the crossing has no event.
pub(crate) fn keep(crossing: &Crossing<'_>, text: &Text) {
    let kept = &KEPT[crossing.threshold.index % thresholds::MOST];
    if !kept.take(&[EMPTY, FULL]) {
        return;
    }
    let [innermost, ..] = crossing.trigger.calls();
    kept.position.store(innermost, Ordering::Relaxed);
    kept.threshold.store((crossing.threshold.percent * 1e3) as u64, Ordering::Relaxed);
    let estimate = &crossing.estimate;
    let figures = [
        Some(crossing.limit),
        Some(estimate.bytes),
        estimate.rss,
        estimate.group,
        estimate.active,
        crossing.asked,
        estimate.outside,
        estimate.beside,
    ];
    for (place, figure) in kept.figures.iter().zip(figures) {
        place.store(figure.unwrap_or(ABSENT), Ordering::Relaxed);
    }
    let bytes = text.message().as_bytes();
    for (place, part) in kept.text.iter().zip(bytes.chunks(8)) {
        let mut word = [0; 8];
        word[..part.len()].copy_from_slice(part);
        place.store(u64::from_ne_bytes(word), Ordering::Relaxed);
    }
    kept.len.store(bytes.len(), Ordering::Relaxed);
    kept.leave(FULL);
}

/// Writes the events of all crossings that are kept.
#[cold]
pub(crate) fn write() {
    let _ignored = IgnoreAllocs::begin();
    for kept in &KEPT {
        if kept.take(&[FULL]) {
            write_one(kept);
        }
    }
}

fn write_one(kept: &Kept) {
    let mut bytes = [0; LONGEST];
    for (word, place) in bytes.chunks_exact_mut(8).zip(&kept.text) {
        word.copy_from_slice(&place.load(Ordering::Relaxed).to_ne_bytes());
    }
    let len = kept.len.load(Ordering::Relaxed).min(LONGEST);
    let message = str::from_utf8(&bytes[..len]).unwrap_or("");
    let position = kept.position.load(Ordering::Relaxed);
    let threshold = kept.threshold.load(Ordering::Relaxed) as f64 / 1e3;
    let figures: [Option<u64>; FIGURES] = std::array::from_fn(|at| {
        Some(kept.figures[at].load(Ordering::Relaxed)).filter(|&figure| figure != ABSENT)
    });
    // The subscriber may take its time, and may cross a threshold itself.
    kept.leave(EMPTY);
    if !CALLSITE.is_wanted() {
        return;
    }
    let text_of = |key| value(message, key);
    let pid: Option<u64> = text_of("pid").and_then(|pid| pid.parse().ok());
    let [limit, estimate, rss, group, active, asked, outside, beside] = figures;
    CALLSITE.dispatch(&[
        Some(&message),
        Some(&"watch"),
        Some(&position.map(|position| position.node.site.name())),
        Some(&position.map(|position| position.after)),
        Some(&threshold),
        Some(&text_of("at")),
        Some(&pid),
        Some(&limit),
        Some(&text_of("limit_was")),
        Some(&estimate),
        Some(&rss),
        Some(&group),
        Some(&active),
        Some(&asked),
        Some(&text_of("callers")),
        Some(&text_of("owners")),
        Some(&text_of("running")),
        Some(&text_of("kept_by_finished_calls")),
        Some(&text_of("not_in_annotated_code")),
        Some(&outside),
        Some(&beside),
    ]);
}
