//! The watch: who took the memory, said before the kill.
//!
//! It looks from inside the allocator where jemalloc can call back, and at points elsewhere.
//! What runs inside the allocator allocates nothing, calls no `tracing`, and takes no lock.

use std::fs::File;
use std::io::Write as _;
use std::sync::OnceLock;
use std::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst,
};
use std::thread;
use std::time::Duration;

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

/// Says who took the memory before the kernel kills the process: one line on stderr, written
/// at once, when the memory that the process is about to use crosses a threshold.
///
/// ```
/// memprobe::global_allocator!();
///
/// fn main() -> Result<(), memprobe::watch::WatchError> {
///     memprobe::Watch::new().install()?;
///     // …
/// #   Ok(())
/// }
/// ```
///
/// jemalloc calls memprobe back right after a thread has allocated some more, before the
/// program touches it; with [`global_allocator!`](crate::global_allocator!) also before a
/// large `realloc` copies. So the line is there when the process is killed by what it was
/// about to do. It tells, as `key=value`:
///
/// | | |
/// |---|---|
/// | `threshold`, `limit` | the threshold that was crossed, and of what |
/// | `at`, `pid` | the time of day (UTC, to the ms), and the process |
/// | `limit_was` | the limit before, in the first line after it has changed; `none` if there was none |
/// | `estimate` | what the process is about to use: the larger of what is resident, and `active` with what lies outside jemalloc; in a cgroup without mapped files, and with what the cgroup holds beside the process |
/// | `rss`, `cgroup`, `active` | resident memory; the cgroup's usage less its page cache; pages that jemalloc has given out, touched or not |
/// | `asked` | what this thread has allocated since it was last looked at, or is about to by a `realloc` |
/// | `by`, `after`, `callers` | the innermost call of this thread, the label it has passed last, and the calls around it |
/// | `running` | the running calls by function, those that hold the most first: how many, what they hold without nested ones, and where the largest is; no bytes where they would be more than there is, because the calls have handed out what they allocated |
/// | `kept_by_finished_calls` | allocated less freed by calls that have ended, the most first. Then, with `<=`, what may at most be left of functions trigger results were freed in code that is not annotated: at some time they had kept more than there was |
/// | `not_in_annotated_code` | the rest of jemalloc's memory; with `<=` if the results of finished calls may be in it |
/// | `outside_jemalloc`, `outside_process` | C libraries, stacks, mappings, as last seen; tmpfs, the kernel and other processes of the cgroup |
///
/// All figures go together: no function has more than there is beside the others. The thread
/// that crosses a threshold is often a bystander: `running` tells who holds. The same is written as
/// a WARN event, target `memprobe::watch`, at the next point outside the allocator.
///
/// A threshold speaks once, and again after the use was 10 % below it; a jump over several thresholds is
/// one line. The highest threshold also speaks at each further 2 % of the limit, up to 120 %, so that
/// there is a line close to the kill. A limit that changes under the process is followed: the
/// thresholds are parts of what it is then.
///
/// The environment variable `MEMPROBE_WATCH=off` switches it off.
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
    /// Thresholds at 80, 90 and 95 % of the limit that [`process`](crate::process()) finds.
    pub fn new() -> Watch {
        Watch::default()
    }

    /// Another limit than the one that is found; it stays as it is given. The usage of the
    /// cgroup counts only where the cgroup sets the limit.
    pub fn limit(mut self, limit: Limit) -> Watch {
        self.limit = Some(limit);
        self
    }

    /// One to eight thresholds, as parts of the limit: above 0 and up to 1.
    pub fn thresholds(mut self, thresholds: impl IntoIterator<Item = f64>) -> Watch {
        self.thresholds = thresholds.into_iter().collect();
        self
    }

    /// Has a thread of its own look as well, which alone sees growth without an allocation of
    /// Rust's: by C libraries, in tmpfs, by other processes of the cgroup. Each look takes 10
    /// to 200 µs.
    pub fn sample_every(mut self, interval: Duration) -> Watch {
        self.sample_every = Some(interval);
        self
    }

    /// Writes heap profiles too.
    #[cfg(feature = "profiling")]
    pub fn profiles(mut self, profiles: Profiles) -> Watch {
        self.profiles = Some(profiles);
        self
    }

    /// Starts to watch, for as long as the process lives.
    ///
    /// # Errors
    ///
    /// If the thresholds are wrong, or one was installed before. Never for what the platform
    /// lacks: that is a [`WatchMode`].
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

    /// `whole` is what the thresholds are parts of.
    fn install_once(self, estimator: Estimator, whole: u64, thresholds: Thresholds) -> WatchMode {
        let limit = estimator.limit();
        if std::env::var_os("MEMPROBE_WATCH").is_some_and(|value| value == "off") {
            return WatchMode::Off;
        }
        #[cfg(feature = "profiling")]
        if self.profiles.is_some_and(Profiles::install) {
            ASKED.fetch_or(PROFILE, SeqCst);
        }
        // Where there is no limit yet, one may be set; if there are groups to set it for.
        if limit == 0 || limit == UNLIMITED && !estimator.may_be_limited() {
            return WatchMode::Off;
        }
        let mode = install(estimator, whole, thresholds, self.sample_every);
        if limit == UNLIMITED { WatchMode::Off } else { mode }
    }
}

/// How the watch looks, once it is installed.
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
    // The limit may become a small one.
    let interval = (limit / 256).clamp(64 << 10, 1 << 20);
    // What is looked up once is looked up here, and never inside the allocator.
    let (is_global, active, rss) = (jemalloc::is_global(), jemalloc::active(), proc::rss());
    if active.or(rss).is_none() {
        return WatchMode::Off;
    }
    let told = AtomicU64::new(limit);
    let watch = Installed { whole, told, interval, thresholds, estimator, stderr: stderr() };
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
        // Without a thread the watch sees less; the program must not suffer.
        let _ = sampler.spawn(move || keep_sampling(watch, every));
    }
    mode
}

/// A descriptor of its own: the program's handle has a lock, which its holder may keep while
/// it allocates.
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
    /// The limit that the thresholds are parts of. What is used of another limit is held against
    /// them as if it were used of this one.
    whole: u64,
    /// The limit that was told last.
    told: AtomicU64,
    interval: u64,
    thresholds: Thresholds,
    estimator: Estimator,
    stderr: Option<File>,
}

static INSTALLED: OnceLock<Installed> = OnceLock::new();
static MODE: OnceLock<WatchMode> = OnceLock::new();

/// What points have to do.
static ASKED: AtomicU8 = AtomicU8::new(0);
/// Write the events of crossings.
const EVENTS: u8 = 1;
/// Look, because nobody else does.
const LOOK: u8 = 2;
/// See whether a threshold that has spoken may do so again.
const REARM: u8 = 4;
/// Write a heap profile, or say why there is none.
#[cfg(feature = "profiling")]
const PROFILE: u8 = 8;

/// From this size on the watch is asked before a `realloc` copies.
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
    let may_cross = grown > 0 || watch.thresholds.has_spoken();
    if may_cross && !watch.is_calm(0) {
        let asked = now.since(before).allocated;
        watch.check_inside(&Upcoming::default(), asked);
    }
}

/// Whether a block of this size that grows may cross a threshold if it must be moved, where the old
/// one and the new one live at once.
#[cfg(feature = "jemalloc")]
#[inline]
pub(crate) fn is_near_before_move(old_size: usize, new_size: usize) -> bool {
    new_size > old_size
        && new_size >= MOVES_FROM.load(Relaxed)
        && INSTALLED.get().is_some_and(|watch| !watch.is_calm(new_size as u64))
}

/// A block is going to be copied to a larger one: the kill may come before the copy is done.
#[cfg(feature = "jemalloc")]
#[cold]
pub(crate) fn before_move(old_size: usize, new_size: usize) {
    let Some(watch) = INSTALLED.get() else { return };
    stack::publish_held_unflushed();
    let upcoming = Upcoming { allocated: new_size as u64, touched: old_size as u64 };
    watch.check_inside(&upcoming, upcoming.allocated);
}

// --- at points, and on the sampling thread ------------------------------------------------

/// Does at a point of a call, which is at `position`, what the watch has to do outside the
/// allocator.
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
    /// The same part of what the thresholds are parts of, as these bytes are of the limit.
    fn part(&self, bytes: u64) -> u64 {
        match self.estimator.limit() {
            limit if limit == self.whole => bytes,
            limit => (bytes as f64 / limit as f64 * self.whole as f64) as u64,
        }
    }

    /// Whether nothing would change if so much more were allocated. Cheap, and often wrong
    /// near a threshold.
    fn is_calm(&self, more: u64) -> bool {
        let (above, below) = self.thresholds.calm();
        self.estimator.guess().is_some_and(|bytes| {
            let most = bytes.saturating_add(more).saturating_add(self.estimator.margin());
            self.part(most) < below && self.part(bytes) >= above
        })
    }

    /// Looks where the thread is inside the allocator.
    #[cold]
    fn check_inside(&self, upcoming: &Upcoming, asked: u64) {
        jemalloc::keeping_errno(|| self.check(upcoming, Some(asked), Trigger::ThisThread, || None));
    }

    /// Looks at a point, where nobody looks from inside the allocator.
    fn look(&self, position: &'static Position) {
        const EVERY: u64 = 1_000_000;
        static LAST: AtomicU64 = AtomicU64::new(0);
        let now = clock::coarse();
        if counters::has_grown_by(self.interval) || now.saturating_sub(LAST.load(Relaxed)) > EVERY {
            LAST.store(now, Relaxed);
            self.check(&Upcoming::default(), None, Trigger::Call(position), jemalloc::heap);
        }
    }

    fn rearm(&self) {
        let (above, _) = self.thresholds.calm();
        if self.estimator.guess().is_none_or(|bytes| self.part(bytes) < above) {
            let bytes = self.estimator.read(&Upcoming::default(), false).bytes;
            self.thresholds.rearm(self.part(bytes));
        }
        if !self.thresholds.has_spoken() {
            ASKED.fetch_and(!REARM, SeqCst);
            // Another thread may have crossed a threshold meanwhile.
            if self.thresholds.has_spoken() {
                ASKED.fetch_or(REARM, SeqCst);
            }
        }
    }

    /// Looks at all there is.
    fn sample(&self) {
        // Finds the cgroups to which the process was moved.
        let _ = limit::standing(clock::fine());
        let heap = heap_stats::within_budget(clock::fine());
        self.check(&Upcoming::default(), None, Trigger::Sampler, || heap);
    }

    /// Reads how much is used, and speaks if that crosses a threshold. `heap` refreshes jemalloc's
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
            // The limit may be another now.
            estimate = self.estimator.read(upcoming, true);
        }
        let Some(threshold) = self.thresholds.cross(self.part(estimate.bytes)) else { return };
        let allocated = heap().map(|heap| heap.allocated);
        let limit = self.estimator.limit();
        let told = self.told.swap(limit, Relaxed);
        let limit_was = Some(told).filter(|&told| told != limit);
        let crossing =
            Crossing { threshold, limit, limit_was, estimate, allocated, asked, trigger };
        self.speak(&crossing);
        ASKED.fetch_or(EVENTS | REARM, SeqCst);
    }

    #[inline(never)]
    fn speak(&self, crossing: &Crossing<'_>) {
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
