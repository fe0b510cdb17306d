//! The watch as people set it up.

use std::time::Duration;

use crate::runtime::readings::cgroup::UNLIMITED;
use crate::runtime::readings::system;
use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::sync::OnceLock;
use crate::runtime::sync::atomic::{AtomicBool, Ordering::Relaxed};
use crate::runtime::watch::estimator::Estimator;
use crate::runtime::watch::monitor;
#[cfg(feature = "profiling")]
use crate::runtime::watch::profiles::Profiles;
use crate::runtime::watch::thresholds::Thresholds;
use crate::values::process::Limit;
use crate::values::watch_mode::{WatchError, WatchMode};

static MODE: OnceLock<WatchMode> = OnceLock::new();

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
/// | `owners` | with the feature `live`: who owns the live memory, an estimate and its standard error by function and label, the most first, and how much of it is of calls that run |
/// | `running` | the running calls by function, those that hold the most first: how many, what they hold without nested calls, and the label after which they hold the most. Bytes are left out where they exceed all live memory, because the calls have handed on what they allocated |
/// | `kept_by_finished_calls` | what calls that have ended allocated less what they freed, by function, the most first. After these, with `<=`, upper bounds for functions whose results were freed in code that is not annotated: at some time their net exceeded all live memory |
/// | | with the feature `live` these are the estimates of what finished calls own, and there are no bounds |
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
            monitor::ask_for_profile();
        }
        // Without a limit the watch waits for one, if there are cgroups that may get one.
        if limit == 0 || limit == UNLIMITED && !estimator.may_be_limited() {
            return WatchMode::Off;
        }
        let mode = monitor::install(estimator, whole, thresholds, self.sample_every);
        if limit == UNLIMITED { WatchMode::Off } else { mode }
    }
}

/// Returns how the watch checks; `None` before one is installed.
pub(crate) fn mode() -> Option<WatchMode> {
    MODE.get().copied()
}
