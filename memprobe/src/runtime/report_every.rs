//! The report in a file while the program runs, for programs that are killed.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::{self, RecvTimeoutError::Timeout, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::report::form::{Form, form};
use crate::runtime::events::say::say;
use crate::runtime::readings::fork::ForkDetector;
use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::stats::gather::report;

/// From one report to the next at least: making one takes some milliseconds.
const LEAST: Duration = Duration::from_millis(10);

/// Has a thread write the report to the file `path` each `interval`, of at least 10 ms, until
/// the guard that it gives is dropped: so the report is there when the process is killed.
///
/// ```
/// # use std::time::Duration;
/// // In `main`. With the id of the process, what comes after a kill leaves the report alone.
/// let path = format!("report-{}.folded", std::process::id());
/// # let path = std::env::temp_dir().join(path);
/// # let file = path.clone();
/// let _report = memprobe::report_every(Duration::from_secs(10), path);
/// # drop(_report);
/// # std::fs::remove_file(file).unwrap();
/// ```
///
/// The first report is written after one interval, and a last one when the guard is dropped. The
/// ending of `path` says the form: `.html` and `.json` with the features of these names, and
/// `.folded`. Each report is written to a file beside `path`, whose name has the id of the process
/// and ends in `.tmp`, and moved to `path` when it is whole: who reads `path` finds a whole report,
/// that before or the new one.
///
/// What goes wrong is said in one line on stderr, and once for all reports that fail alike; the
/// program goes on, and the next report is tried all the same. What the thread allocates is in the
/// figures of no function.
///
/// A child that is forked from the process has no such thread, and the guard does nothing there:
/// call `report_every` in the child, with a path of its own.
pub fn report_every(interval: Duration, path: impl AsRef<Path>) -> ReportEvery {
    let _ignored = IgnoreAllocs::begin();
    let path = path.as_ref();
    let writing = start(interval.max(LEAST), path);
    if let Err(why) = &writing {
        say(&format_args!("no report will be in {}: {why}", path.display()));
    }
    ReportEvery(writing.ok())
}

/// Writes the report again and again until it is dropped; see [`report_every`].
#[derive(Debug)]
#[must_use = "it stops when it is dropped; keep it to the end of `main`: \
              `let _report = memprobe::report_every(…);`"]
pub struct ReportEvery(Option<Writing>);

/// The thread that writes.
#[derive(Debug)]
struct Writing {
    origin: ForkDetector,
    /// Hangs up when it is dropped, which stops the thread.
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Drop for ReportEvery {
    fn drop(&mut self) {
        let _ignored = IgnoreAllocs::begin();
        let Some(Writing { origin, stop, thread }) = self.0.take() else { return };
        if origin.is_same_process() {
            drop(stop);
            // A panic of the thread was told by the thread.
            let _ = thread.join();
        } else {
            // Here the thread is not there, and may have left the channel locked.
            std::mem::forget((stop, thread));
        }
    }
}

fn start(interval: Duration, path: &Path) -> Result<Writing, String> {
    let file = File::new(path, form(path).map_err(|why| why.to_string())?);
    let origin = ForkDetector::new();
    let (stop, stopped) = mpsc::channel::<()>();
    let write = move || {
        let _ignored = IgnoreAllocs::begin();
        let mut said = None;
        loop {
            let goes_on = stopped.recv_timeout(interval) == Err(Timeout);
            let failed = file.write().err().map(|error| error.to_string());
            if let Some(why) = failed.as_ref().filter(|_| failed != said) {
                say(&format_args!("the report is not in {}: {why}", file.path.display()));
            }
            said = failed;
            if !goes_on {
                return;
            }
        }
    };
    let thread = thread::Builder::new().name("memprobe-report".to_owned());
    let thread = thread.spawn(write).map_err(|error| error.to_string())?;
    Ok(Writing { origin, stop, thread })
}

/// A file in which there is always one whole report, once there is any.
struct File {
    path: PathBuf,
    /// Where the next report is written.
    beside: PathBuf,
    form: Form,
}

impl File {
    fn new(path: &Path, form: Form) -> File {
        static FILES: AtomicU32 = AtomicU32::new(0);
        let mut beside = OsString::from(path);
        // No other's, so that nobody writes to what another moves.
        beside.push(format!(".{}-{}.tmp", std::process::id(), FILES.fetch_add(1, Relaxed)));
        File { path: path.to_owned(), beside: beside.into(), form }
    }

    fn write(&self) -> io::Result<()> {
        let mut written = Vec::new();
        (self.form)(&report(), &mut written)?;
        let moved =
            fs::write(&self.beside, written).and_then(|()| fs::rename(&self.beside, &self.path));
        if moved.is_err() {
            let _ = fs::remove_file(&self.beside);
        }
        moved
    }
}
