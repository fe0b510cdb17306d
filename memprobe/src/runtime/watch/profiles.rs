//! Heap profiles, which lead from a label to lines of code.
//!
//! Inside the allocator a crossing is only noted; the profile is written at the next point outside.

use std::ffi::CString;
use std::fs::{self, DirBuilder};
use std::path::{Path, PathBuf};

use tracing::Level;

use crate::runtime::calls::frame::Progress;
use crate::runtime::events::callsite::Callsite;
use crate::runtime::readings::jemalloc;
use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::stats::call_tree::{Position, Segment};
use crate::runtime::sync::OnceLock;
use crate::runtime::sync::atomic::{
    AtomicBool, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use crate::runtime::sync::static_ref::StaticRef;
#[cfg(feature = "pprof")]
use crate::runtime::watch::pprof;

/// Where, when and how often a [`Watch`](crate::Watch) writes jemalloc's heap profiles: each time
/// it reports a threshold, and the first time a segment named here exceeds a bound.
///
/// A profile shows the lines of code that allocated the live memory. It is written at the next
/// point outside the allocator, and an event names the file and the command that opens it. No
/// profile is written if the disk has less than 32 MiB left.
///
/// With the feature `pprof` each profile is also written in the format of pprof, as `….pb.gz` beside
/// it, with the names and lines of the program and the tags `function` and `label`: a file that
/// `go tool pprof -http=: FILE`, Grafana Pyroscope and speedscope open. Finding the names may take
/// seconds, and as much memory as the program has debug information: a thread does it when so much is
/// left of the limit that [`process`](crate::process()) finds, and an event follows when it is done.
///
/// jemalloc samples only if the program was started with `_RJEM_MALLOC_CONF=prof:true` in its
/// environment, or has `memprobe::global_allocator!(live)`; otherwise one event says so.
///
/// # Examples
///
/// ```
/// use memprobe::{Profiles, Watch};
///
/// let profiles = Profiles::new("/tmp/profiles")
///     .max_files(3)
///     .on_peak_above("app::thumbnail", "downloaded", "decoded", 100 << 20);
/// let watch = Watch::new().profiles(profiles);
/// ```
#[derive(Clone, Debug)]
pub struct Profiles {
    directory: PathBuf,
    most: usize,
    bounds: Vec<Bound>,
}

#[derive(Clone, Debug)]
struct Bound {
    function: String,
    from: String,
    label: String,
    of: Of,
    above: u64,
}

#[derive(Clone, Copy, Debug)]
enum Of {
    Net,
    Peak,
}

impl Profiles {
    /// Writes at most 10 profiles into `directory`, which is created if it does not exist.
    pub fn new(directory: impl Into<PathBuf>) -> Profiles {
        Profiles { directory: directory.into(), most: 10, bounds: Vec::new() }
    }

    /// Sets how many profiles are written at most during the life of the process.
    #[must_use]
    pub fn max_files(mut self, files: usize) -> Profiles {
        self.most = files;
        self
    }

    /// Also writes one profile the first time the net of the segment `from -> label` of `function`
    /// exceeds `above` bytes in a call.
    #[must_use]
    pub fn on_net_above(self, function: &str, from: &str, label: &str, above: u64) -> Profiles {
        self.when(function, from, label, Of::Net, above)
    }

    /// Also writes one profile the first time the peak of the segment `from -> label` of `function`
    /// exceeds `above` bytes in a call.
    #[must_use]
    pub fn on_peak_above(self, function: &str, from: &str, label: &str, above: u64) -> Profiles {
        self.when(function, from, label, Of::Peak, above)
    }

    fn when(mut self, function: &str, from: &str, label: &str, of: Of, above: u64) -> Profiles {
        let [function, from, label] = [function, from, label].map(str::to_owned);
        self.bounds.push(Bound { function, from, label, of, above });
        self
    }

    /// Installs the profiles. Returns `true` if jemalloc does not sample, so that the next point
    /// must call [`at_point`] to warn.
    pub(crate) fn install(self) -> bool {
        let passed = self.bounds.iter().map(|_| AtomicBool::new(false)).collect();
        let most = self.most;
        let _ = INSTALLED.set(Installed { profiles: self, passed, left: AtomicUsize::new(most) });
        !jemalloc::is_profiling()
    }
}

struct Installed {
    profiles: Profiles,
    /// Which of the bounds were exceeded before.
    passed: Vec<AtomicBool>,
    /// How many files may still be written.
    left: AtomicUsize,
}

static INSTALLED: OnceLock<Installed> = OnceLock::new();

/// Set from the crossing of a threshold until its profile is written.
static CROSSED: AtomicBool = AtomicBool::new(false);
/// Position of the call that crossed it.
static CROSSED_BY: StaticRef<Position> = StaticRef::none();

static CALLSITE: Callsite = Callsite::new(
    "memprobe::watch",
    Level::WARN,
    (file!(), line!(), module_path!()),
    &["message", "memprobe", "function", "label", "file"],
);

/// Has the next point write a profile; for use inside the allocator. Returns `false` if no
/// profiles are installed.
pub(crate) fn cross(innermost: Option<&'static Position>) -> bool {
    if INSTALLED.get().is_none() {
        return false;
    }
    // The first one, until its profile is written.
    if !CROSSED.load(Relaxed) {
        CROSSED_BY.store(innermost, Release);
        CROSSED.store(true, Relaxed);
    }
    true
}

/// Writes the profile of a threshold that was crossed; for use outside the allocator. Returns
/// whether the next point must call it again.
pub(crate) fn at_point() -> bool {
    let Some(installed) = INSTALLED.get() else { return false };
    let _ignored = IgnoreAllocs::begin();
    if !jemalloc::is_profiling() {
        // The warning waits for a subscriber that wants it.
        return !warn_without_profiling();
    }
    if CROSSED.swap(false, Relaxed) {
        let by = CROSSED_BY.load(Acquire);
        let name = by.map_or("memprobe", |position| position.node.site.name());
        installed.write(name, by.map_or("threshold", |position| position.after));
    }
    false
}

/// Writes a profile if the segment that has ended exceeds a bound for the first time.
#[inline]
pub(crate) fn segment_ended(segment: &'static Segment, progress: &Progress) {
    if let Some(installed) = INSTALLED.get() {
        installed.hold(segment, progress);
    }
}

impl Installed {
    fn hold(&self, segment: &'static Segment, progress: &Progress) {
        for (bound, passed) in self.profiles.bounds.iter().zip(&self.passed) {
            let figure = match bound.of {
                Of::Net => progress.segment.net(),
                Of::Peak => progress.segment_peak,
            };
            let is_over = figure > 0 && figure as u64 > bound.above;
            if is_over && bound.is_of(segment) && !passed.swap(true, Relaxed) {
                let _ignored = IgnoreAllocs::begin();
                if jemalloc::is_profiling() {
                    self.write(segment.from.node.site.name(), segment.label);
                }
            }
        }
    }

    fn write(&self, function: &'static str, label: &'static str) {
        let one_less = |left: usize| left.checked_sub(1);
        let Ok(left) = self.left.fetch_update(Relaxed, Relaxed, one_less) else { return };
        let number = self.profiles.most - left + 1;
        let file = self.profiles.directory.join(file_name(number, label));
        let written = write_to(&file);
        #[cfg(feature = "pprof")]
        if written.is_ok() {
            pprof::convert(file.clone(), function, label, report);
        }
        let message = match written {
            Ok(()) => format!(
                "heap profile of {function} at \"{label}\": open it with `jeprof --text --cum --lines {} {}`",
                std::env::current_exe().unwrap_or_default().display(),
                file.display()
            ),
            Err(why) => format!("no heap profile of {function} at \"{label}\": {why}"),
        };
        report(&message, function, label, &file);
    }
}

/// Writes an event; it names the file if that exists.
fn report(message: &str, function: &'static str, label: &'static str, file: &Path) {
    let path = file.exists().then(|| file.display().to_string());
    if CALLSITE.is_wanted() {
        CALLSITE.dispatch(&[
            Some(&message),
            Some(&"profile"),
            Some(&function),
            Some(&label),
            Some(&path.as_deref()),
        ]);
    }
}

impl Bound {
    fn is_of(&self, segment: &Segment) -> bool {
        self.label == segment.label
            && self.from == segment.from.after
            && self.function == segment.from.node.site.name()
    }
}

/// Bytes that must be free on the disk.
const ROOM: u64 = 32 << 20;

fn write_to(file: &Path) -> Result<(), String> {
    let directory = file.parent().unwrap_or(Path::new("."));
    DirBuilder::new()
        .recursive(true)
        .create(directory)
        .map_err(|error| format!("{}: {error}", directory.display()))?;
    let name = |path: &Path| CString::new(path.as_os_str().as_encoded_bytes());
    let (Ok(directory_name), Ok(file_name)) = (name(directory), name(file)) else {
        return Err("the path of the file has a NUL in it".to_owned());
    };
    if jemalloc::free_space(&directory_name).is_none_or(|free| free < ROOM) {
        return Err(format!("{} has less than 32 MiB left", directory.display()));
    }
    if jemalloc::write_profile(&file_name) {
        return Ok(());
    }
    // A partial profile is of no use.
    let _ = fs::remove_file(file);
    Err(format!("jemalloc could not write {}", file.display()))
}

/// Returns `memprobe.<pid>.<number>.<label>.heap`.
fn file_name(number: usize, label: &str) -> String {
    let is_plain = |char: &char| char.is_ascii_alphanumeric() || "-_".contains(*char);
    let label: String =
        label.chars().take(60).map(|char| if is_plain(&char) { char } else { '-' }).collect();
    format!("memprobe.{}.{number}.{label}.heap", std::process::id())
}

/// Writes one event that jemalloc does not sample; returns `false` if no subscriber wants it.
fn warn_without_profiling() -> bool {
    static TOLD: AtomicBool = AtomicBool::new(false);
    if !CALLSITE.is_wanted() {
        return false;
    }
    if !TOLD.swap(true, Relaxed) {
        let message = "heap profiles were asked for, but jemalloc does not sample: start the \
                       program with _RJEM_MALLOC_CONF=prof:true in its environment";
        CALLSITE.dispatch(&[Some(&message), Some(&"warning"), None, None, None]);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn a_file_is_named_after_the_label() {
        let pid = std::process::id();
        assert_eq!(file_name(3, "decoded"), format!("memprobe.{pid}.3.decoded.heap"));
        assert_eq!(file_name(1, "../größer"), format!("memprobe.{pid}.1.---gr--er.heap"));
    }
}
