//! The watch: checks memory use against the thresholds, and reports a crossing.
//!
//! It checks inside the allocator where jemalloc can call back, and at points elsewhere; a sampling
//! thread can check as well. Code that runs inside the allocator allocates nothing, does not call
//! `tracing`, and takes no lock.

use std::fs::File;
use std::io::Write as _;
use std::thread;
use std::time::Duration;

#[cfg(feature = "live")]
use crate::runtime::calls::sampled;
use crate::runtime::calls::stack;
use crate::runtime::readings::bytes::Bytes;
use crate::runtime::readings::thread::{self as counters, IgnoreAllocs};
use crate::runtime::readings::{clock, errno, heap_stats, jemalloc, limit, resident};
use crate::runtime::stats::call_tree::Position;
use crate::runtime::sync::OnceLock;
use crate::runtime::sync::atomic::{
    AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst,
};
use crate::runtime::watch::estimator::{Estimator, Upcoming};
use crate::runtime::watch::line::{Crossing, Text, Trigger};
#[cfg(feature = "profiling")]
use crate::runtime::watch::profiles;
use crate::runtime::watch::thresholds::Thresholds;
use crate::runtime::watch::{event as watch_event, kept};
use crate::values::process::Heap;
use crate::values::watch_mode::WatchMode;

/// Installs the watch. `whole` is the limit that the thresholds are parts of.
pub(super) fn install(
    estimator: Estimator,
    whole: u64,
    thresholds: Thresholds,
    sample_every: Option<Duration>,
) -> WatchMode {
    let limit = estimator.limit();
    // At most 1 MiB: a large limit may be lowered later.
    let interval = (limit / 256).clamp(64 << 10, 1 << 20);
    // Lookups that are cached happen here first, and so never inside the allocator.
    let (is_global, active, rss) = (jemalloc::is_global(), jemalloc::active(), resident::rss());
    if active.or(rss).is_none() {
        return WatchMode::Off;
    }
    let last_limit = AtomicU64::new(limit);
    let watch = Installed { whole, last_limit, interval, thresholds, estimator, stderr: stderr() };
    let watch = INSTALLED.get_or_init(|| watch);
    let mode = if is_global && jemalloc::call_back(on_allocation, interval) {
        WatchMode::Hook
    } else {
        ASKED.fetch_or(LOOK, SeqCst);
        WatchMode::Points
    };
    MOVES_FROM.store(usize::try_from(interval).unwrap_or(usize::MAX), Relaxed);
    watch.sample();
    if let Some(every) = sample_every {
        let every = every.max(Duration::from_millis(1));
        let sampler = thread::Builder::new().name("memprobe-watch".to_owned());
        // Without the thread the watch sees less, which is no reason to fail.
        let _ = sampler.spawn(move || keep_sampling(watch, every));
    }
    mode
}

/// Returns stderr without a lock: a thread may allocate while it holds that of `std::io::stderr`.
#[cfg(unix)]
fn stderr() -> Option<File> {
    use std::os::fd::AsFd as _;
    Some(std::io::stderr().as_fd().try_clone_to_owned().ok()?.into())
}

/// Returns stderr without a lock.
#[cfg(windows)]
fn stderr() -> Option<File> {
    use std::os::windows::io::AsHandle as _;
    Some(std::io::stderr().as_handle().try_clone_to_owned().ok()?.into())
}

#[cfg(not(any(unix, windows)))]
fn stderr() -> Option<File> {
    None
}

struct Installed {
    /// The limit that the thresholds are parts of. If the limit changes, use is scaled to this one
    /// by [`part`](Installed::part).
    whole: u64,
    /// The limit in the last line.
    last_limit: AtomicU64,
    interval: u64,
    thresholds: Thresholds,
    estimator: Estimator,
    stderr: Option<File>,
}

static INSTALLED: OnceLock<Installed> = OnceLock::new();

/// Returns each threshold in percent of the limit, and how often it was reported; nothing before a
/// watch is installed.
#[cfg(feature = "metrics")]
pub(crate) fn reports() -> impl Iterator<Item = (f64, u64)> {
    INSTALLED.get().into_iter().flat_map(|watch| watch.thresholds.reports())
}

/// What the next point has to do: a bit for each task.
static ASKED: AtomicU8 = AtomicU8::new(if cfg!(feature = "live") { START } else { 0 });
/// Writes the events of crossings.
const EVENTS: u8 = 1;
/// Checks, because jemalloc cannot call back.
const LOOK: u8 = 2;
/// Arms reported thresholds again if use is far enough below them.
const REARM: u8 = 4;
/// Writes a heap profile, or an event that says why there is none.
#[cfg(feature = "profiling")]
const PROFILE: u8 = 8;
/// Follows the blocks that jemalloc samples, from the first point on.
const START: u8 = 16;

/// Has the next point write a heap profile.
#[cfg(feature = "profiling")]
pub(super) fn ask_for_profile() {
    ASKED.fetch_or(PROFILE, SeqCst);
}

/// Size in bytes from which the watch checks before a `realloc` copies.
static MOVES_FROM: AtomicUsize = AtomicUsize::new(usize::MAX);

// --- inside the allocator -----------------------------------------------------------------

/// jemalloc calls this right after an allocation, before the program touches it.
extern "C" fn on_allocation(_is_alloc: bool, allocated: u64, freed: u64) {
    let now = Bytes { allocated, freed };
    let before = stack::publish_held_at(now);
    let grown = now.net().wrapping_sub(before.net());
    if grown == 0 {
        return;
    }
    let Some(watch) = INSTALLED.get() else { return };
    let may_cross = grown > 0 || watch.thresholds.has_reported();
    if may_cross && !watch.is_calm(0) {
        let asked = now.since(before).allocated;
        watch.check_inside(&Upcoming::default(), asked);
    }
}

/// Whether a block that grows may cross a threshold if it is moved, because the old and the new one
/// then exist at the same time.
#[cfg(feature = "jemalloc")]
#[inline]
pub(crate) fn is_near_before_move(old_size: usize, new_size: usize) -> bool {
    new_size > old_size
        && new_size >= MOVES_FROM.load(Relaxed)
        && INSTALLED.get().is_some_and(|watch| !watch.is_calm(new_size as u64))
}

/// Checks before a block is copied to a larger one, since the kill may come during the copy.
#[cfg(feature = "jemalloc")]
#[cold]
pub(crate) fn before_move(old_size: usize, new_size: usize) {
    let Some(watch) = INSTALLED.get() else { return };
    stack::publish_held_unflushed();
    let upcoming = Upcoming { allocated: new_size as u64, touched: old_size as u64 };
    watch.check_inside(&upcoming, upcoming.allocated);
}

// --- at points, and on the sampling thread ------------------------------------------------

/// Does at a point what the watch has to do outside the allocator; the call is at `position`.
#[inline]
pub(crate) fn at_point(position: &'static Position) {
    if ASKED.load(Relaxed) != 0 {
        at_point_asked(position);
    }
}

#[inline(never)]
fn at_point_asked(position: &'static Position) {
    if counters::is_ignoring() {
        return;
    }
    let asked = ASKED.load(Relaxed);
    #[cfg(feature = "live")]
    if asked & START != 0 {
        ASKED.fetch_and(!START, SeqCst);
        // Without samples the report says so.
        let _ = sampled::start();
    }
    if let Some(watch) = INSTALLED.get() {
        if asked & LOOK != 0 {
            watch.look(position);
        } else if asked & REARM != 0 {
            watch.rearm();
        }
    }
    write_events();
}

fn write_events() {
    if ASKED.load(Relaxed) & EVENTS != 0 {
        ASKED.fetch_and(!EVENTS, SeqCst);
        watch_event::write();
    }
    #[cfg(feature = "profiling")]
    if ASKED.load(Relaxed) & PROFILE != 0 {
        ASKED.fetch_and(!PROFILE, SeqCst);
        if profiles::at_point() {
            ASKED.fetch_or(PROFILE, SeqCst);
        }
    }
}

fn keep_sampling(watch: &'static Installed, every: Duration) {
    let _ignored = IgnoreAllocs::begin();
    loop {
        thread::sleep(every);
        watch.sample();
        write_events();
    }
}

impl Installed {
    /// Scales `bytes` of the present limit to the limit that the thresholds are parts of.
    fn part(&self, bytes: u64) -> u64 {
        match self.estimator.limit() {
            limit if limit == self.whole => bytes,
            limit => (bytes as f64 / limit as f64 * self.whole as f64) as u64,
        }
    }

    /// True if `more` bytes can neither cross a threshold nor arm one again. A cheap bound: it may
    /// be false although nothing would change.
    fn is_calm(&self, more: u64) -> bool {
        let (above, below) = self.thresholds.calm();
        self.estimator.guess().is_some_and(|bytes| {
            let most = bytes.saturating_add(more).saturating_add(self.estimator.margin());
            self.part(most) < below && self.part(bytes) >= above
        })
    }

    /// Checks inside the allocator.
    #[cold]
    fn check_inside(&self, upcoming: &Upcoming, asked: u64) {
        errno::keeping_errno(|| self.check(upcoming, Some(asked), Trigger::ThisThread, || None));
    }

    /// Checks at a point, for when jemalloc cannot call back: once a millisecond, or sooner if this
    /// thread holds `interval` bytes more.
    fn look(&self, position: &'static Position) {
        const EVERY: u64 = 1_000_000;
        static LAST: AtomicU64 = AtomicU64::new(0);
        let now = clock::coarse();
        if counters::has_grown_by(self.interval) || now.saturating_sub(LAST.load(Relaxed)) > EVERY {
            LAST.store(now, Relaxed);
            let heap = || heap_stats::within_budget(clock::fine());
            self.check(&Upcoming::default(), None, Trigger::Call(position), heap);
        }
    }

    fn rearm(&self) {
        let (above, _) = self.thresholds.calm();
        if self.estimator.guess().is_none_or(|bytes| self.part(bytes) < above) {
            let bytes = self.estimator.read(&Upcoming::default(), false).bytes;
            self.thresholds.rearm(self.part(bytes));
        }
        if !self.thresholds.has_reported() {
            ASKED.fetch_and(!REARM, SeqCst);
            // Another thread may have crossed a threshold meanwhile.
            if self.thresholds.has_reported() {
                ASKED.fetch_or(REARM, SeqCst);
            }
        }
    }

    /// Checks with all readings refreshed.
    fn sample(&self) {
        // Finds the new cgroups if the process was moved.
        let _ = limit::standing(clock::fine());
        let heap = heap_stats::within_budget(clock::fine());
        self.check(&Upcoming::default(), None, Trigger::Sampler, || heap);
    }

    /// Estimates use, and reports it if that crosses a threshold. `heap` refreshes jemalloc's
    /// figures where that is allowed.
    fn check(
        &self,
        upcoming: &Upcoming,
        asked: Option<u64>,
        trigger: Trigger,
        heap: impl FnOnce() -> Option<Heap>,
    ) {
        let mut estimate = self.estimator.read(upcoming, matches!(trigger, Trigger::Sampler));
        kept::look_for_freed();
        self.thresholds.rearm(self.part(estimate.bytes));
        if self.thresholds.reached(self.part(estimate.bytes)).is_some() {
            // Reads the limit again, which may have changed.
            estimate = self.estimator.read(upcoming, true);
        }
        let Some(threshold) = self.thresholds.cross(self.part(estimate.bytes)) else { return };
        let allocated = heap().map(|heap| heap.allocated);
        let limit = self.estimator.limit();
        let before = self.last_limit.swap(limit, Relaxed);
        let limit_was = Some(before).filter(|&before| before != limit);
        let crossing =
            Crossing { threshold, limit, limit_was, estimate, allocated, asked, trigger };
        self.report(&crossing);
        ASKED.fetch_or(EVENTS | REARM, SeqCst);
    }

    #[inline(never)]
    fn report(&self, crossing: &Crossing<'_>) {
        let text = Text::of(crossing);
        if let Some(mut stderr) = self.stderr.as_ref() {
            let _ = stderr.write_all(text.line());
        }
        watch_event::keep(crossing, &text);
        #[cfg(feature = "profiling")]
        if profiles::cross(crossing.trigger.calls()[0]) {
            ASKED.fetch_or(PROFILE, SeqCst);
        }
    }
}
