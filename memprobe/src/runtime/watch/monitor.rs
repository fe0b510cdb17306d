//! The watch: checks memory use against the thresholds, and reports a crossing.
//!
//! It checks inside the allocator where jemalloc can call back, and at points elsewhere; a sampling
//! thread can check as well. Code that runs inside the allocator allocates nothing, does not call
//! `tracing`, and takes no lock.

use std::fs::File;
use std::io::Write as _;
use std::sync::OnceLock;
use std::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst,
};
use std::thread;
use std::time::Duration;

#[cfg(feature = "live")]
use crate::runtime::calls::sampled;
use crate::runtime::calls::stack;
use crate::runtime::readings::bytes::Bytes;
use crate::runtime::readings::cgroup::UNLIMITED;
use crate::runtime::readings::thread::{self as counters, IgnoreAllocs};
use crate::runtime::readings::{clock, heap_stats, jemalloc, limit, proc, system};
use crate::runtime::stats::call_tree::Position;
use crate::runtime::watch::estimator::{Estimator, Upcoming};
use crate::runtime::watch::line::{Crossing, Text, Trigger};
#[cfg(feature = "profiling")]
use crate::runtime::watch::profiles::{self, Profiles};
use crate::runtime::watch::thresholds::Thresholds;
use crate::runtime::watch::{event as watch_event, kept};
use crate::values::process::{Heap, Limit};
use crate::values::watch_mode::{WatchError, WatchMode};

/// Reports which calls hold the memory before the kernel kills the process: one line on stderr,
/// written at once, when the memory that the process is about to use crosses a threshold.
///
/// # Examples
///
/// ```
/// memprobe::global_allocator!();
///
/// fn main() -> Result<(), memprobe::watch::WatchError> {
///     memprobe::Watch::new()
///         .thresholds([0.5, 0.9, 0.95])
///         .sample_every(std::time::Duration::from_millis(100))
///         .install()?;
///     // …
/// #   Ok(())
/// }
/// ```
///
/// # The line
///
/// jemalloc calls memprobe back each time a thread has allocated a certain amount, before the
/// program touches the last block; with [`global_allocator!`](crate::global_allocator!) memprobe is
/// also called before a large `realloc` copies. So the line is written even if the process is
/// killed by what it does next. It has, as `key=value`:
///
/// | | |
/// |---|---|
/// | `threshold`, `limit` | the threshold that was crossed, and the limit it is a part of |
/// | `at`, `pid` | the time of day (UTC, to the ms), and the process |
/// | `limit_was` | the limit before, in the first line after it has changed; `none` if there was none |
/// | `estimate` | what the process is about to use: the larger of resident memory, and `active` plus what lies outside jemalloc. In a cgroup it is without mapped files, and includes what the cgroup holds beside the process |
/// | `rss`, `cgroup`, `active` | resident memory; the cgroup's usage less its page cache; pages that jemalloc has given out, touched or not |
/// | `asked` | what this thread has allocated since the last check, or is about to allocate by a `realloc` |
/// | `by`, `after`, `callers` | the innermost call of this thread, the label it passed last, and the calls around it |
/// | `running` | the running calls by function, those that hold the most first: how many, what they hold without nested calls, and the label after which they hold the most. Bytes are left out where they exceed all live memory, because the calls have handed on what they allocated |
/// | `kept_by_finished_calls` | what calls that have ended allocated less what they freed, by function, the most first. After these, with `<=`, upper bounds for functions whose results were freed in code that is not annotated: at some time their net exceeded all live memory |
/// | `not_in_annotated_code` | the rest of jemalloc's live memory; with `<=` if it may include results of finished calls |
/// | `outside_jemalloc`, `outside_process` | C libraries, stacks and mappings, as last read; tmpfs, the kernel and other processes of the cgroup |
///
/// The figures are consistent: no function is reported with more than the others leave of the live
/// memory. The thread that crosses a threshold is often a bystander; `running` shows which calls
/// hold the memory. At the next point outside the allocator, the line is also written as a WARN
/// event with the target `memprobe::watch`.
///
/// # When it is written
///
/// A threshold is reported once, and again after use has fallen 10 % below it. A jump over several
/// thresholds is one line. Above the highest threshold, each further 2 % of the limit is reported
/// as well, up to 120 %, so that there is a line close to the kill. If the limit changes while the
/// process runs, the thresholds are parts of the new limit.
///
/// The environment variable `MEMPROBE_WATCH=off` switches the watch off.
#[derive(Clone, Debug)]
#[must_use = "a watch does nothing until it is installed"]
pub struct Watch {
    limit: Option<Limit>,
    thresholds: Vec<f64>,
    sample_every: Option<Duration>,
    #[cfg(feature = "profiling")]
    profiles: Option<Profiles>,
}

impl Default for Watch {
    fn default() -> Watch {
        Watch {
            limit: None,
            thresholds: vec![0.80, 0.90, 0.95],
            sample_every: None,
            #[cfg(feature = "profiling")]
            profiles: None,
        }
    }
}

impl Watch {
    /// Returns a watch at 80, 90 and 95 % of the limit that [`process`](crate::process()) finds.
    pub fn new() -> Watch {
        Watch::default()
    }

    /// Sets the limit, in place of the one that is found; it then does not change. For a limit
    /// made by [`Limit::from_bytes`] resident memory counts, and not the usage of a cgroup.
    pub fn limit(mut self, limit: Limit) -> Watch {
        self.limit = Some(limit);
        self
    }

    /// Sets one to eight thresholds, as parts of the limit: above 0 and up to 1.
    pub fn thresholds(mut self, thresholds: impl IntoIterator<Item = f64>) -> Watch {
        self.thresholds = thresholds.into_iter().collect();
        self
    }

    /// Starts a thread that also checks, at this interval of at least 1 ms. Only this thread sees
    /// growth without an allocation through Rust's allocator: in C libraries, in tmpfs, by other
    /// processes of the cgroup. Each check takes 10 to 200 µs.
    pub fn sample_every(mut self, interval: Duration) -> Watch {
        self.sample_every = Some(interval);
        self
    }

    /// Also writes heap profiles.
    #[cfg(feature = "profiling")]
    pub fn profiles(mut self, profiles: Profiles) -> Watch {
        self.profiles = Some(profiles);
        self
    }

    /// Installs the watch for the rest of the process's life, and returns how it checks.
    ///
    /// # Errors
    ///
    /// Returns an error if the thresholds are invalid, or if a watch was installed before. What the
    /// platform lacks is no error: it shows in the [`WatchMode`].
    pub fn install(self) -> Result<WatchMode, WatchError> {
        static TAKEN: AtomicBool = AtomicBool::new(false);
        let _ignored = IgnoreAllocs::begin();
        let estimator = match &self.limit {
            Some(limit) => Estimator::of(limit),
            None => Estimator::of_found(system::find_limit().as_ref()),
        };
        let limit = estimator.limit();
        let whole = if limit == UNLIMITED { 1 << 40 } else { limit };
        let thresholds =
            Thresholds::new(&self.thresholds, whole).ok_or(WatchError::InvalidThresholds)?;
        if TAKEN.swap(true, Relaxed) {
            return Err(WatchError::AlreadyInstalled);
        }
        let mode = self.install_once(estimator, whole, thresholds);
        Ok(*MODE.get_or_init(|| mode))
    }

    /// Installs the watch; `whole` is the limit that the thresholds are parts of.
    fn install_once(self, estimator: Estimator, whole: u64, thresholds: Thresholds) -> WatchMode {
        let limit = estimator.limit();
        if std::env::var_os("MEMPROBE_WATCH").is_some_and(|value| value == "off") {
            return WatchMode::Off;
        }
        #[cfg(feature = "profiling")]
        if self.profiles.is_some_and(Profiles::install) {
            ASKED.fetch_or(PROFILE, SeqCst);
        }
        // Without a limit the watch waits for one, if there are cgroups that may get one.
        if limit == 0 || limit == UNLIMITED && !estimator.may_be_limited() {
            return WatchMode::Off;
        }
        let mode = install(estimator, whole, thresholds, self.sample_every);
        if limit == UNLIMITED { WatchMode::Off } else { mode }
    }
}

/// Returns how the watch checks; `None` before one is installed.
pub(crate) fn mode() -> Option<WatchMode> {
    MODE.get().copied()
}

fn install(
    estimator: Estimator,
    whole: u64,
    thresholds: Thresholds,
    sample_every: Option<Duration>,
) -> WatchMode {
    let limit = estimator.limit();
    // At most 1 MiB: a large limit may be lowered later.
    let interval = (limit / 256).clamp(64 << 10, 1 << 20);
    // Lookups that are cached happen here first, and so never inside the allocator.
    let (is_global, active, rss) = (jemalloc::is_global(), jemalloc::active(), proc::rss());
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

#[cfg(not(unix))]
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
static MODE: OnceLock<WatchMode> = OnceLock::new();

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
        jemalloc::keeping_errno(|| self.check(upcoming, Some(asked), Trigger::ThisThread, || None));
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
