//! Writes the report to a file while the program runs, for programs that are killed.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError::Timeout, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::report::form::{Form, form, save};
use crate::runtime::events::say::say;
use crate::runtime::readings::fork::ForkDetector;
use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::sampling;
use crate::runtime::stats::gather::report;
use crate::runtime::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Shortest interval between two reports: making one takes some milliseconds.
const LEAST: Duration = Duration::from_millis(10);

/// Starts a thread that writes the report to the file `path` every `interval`, at least 10 ms,
/// until the returned guard is dropped. So there is a report when the process is killed.
///
/// The first report is written after one interval, and a last one when the guard is dropped. The
/// ending of `path` selects the form: `.html` and `.json` with the features of these names, and
/// `.folded`. Each report is written to a file beside `path`, whose name contains the process id
/// and ends in `.tmp`, and is moved to `path` when it is complete: a reader of `path` always finds
/// a whole report, the previous or the new one.
///
/// An error is reported in one line on stderr, once for successive reports that fail alike. The
/// program goes on, and the next report is still tried. What the thread allocates counts for no
/// function.
///
/// A child that is forked from the process has no such thread, and the guard does nothing there:
/// call `report_every` in the child, with a path of its own.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// // In `main`. With the process id in its name, the report is not overwritten after a restart.
/// let path = format!("report-{}.folded", std::process::id());
/// # let path = std::env::temp_dir().join(path);
/// # let file = path.clone();
/// let _report = memprobe::report_every(Duration::from_secs(10), path);
/// # drop(_report);
/// # std::fs::remove_file(file).unwrap();
/// ```
pub fn report_every(interval: Duration, path: impl AsRef<Path>) -> ReportEvery {
    let _ignored = IgnoreAllocs::begin();
    let path = path.as_ref();
    let writing = start(interval.max(LEAST), path);
    if let Err(why) = &writing {
        say(&format_args!("no report will be in {}: {why}", path.display()));
    }
    ReportEvery(writing.ok())
}

/// A guard that writes the report repeatedly until it is dropped; see [`report_every`].
#[derive(Debug)]
#[must_use = "it stops when it is dropped; keep it to the end of `main`: \
              `let _report = memprobe::report_every(…);`"]
pub struct ReportEvery(Option<Writing>);

/// The thread that writes.
#[derive(Debug)]
struct Writing {
    origin: ForkDetector,
    /// Closes the channel when it is dropped, which stops the thread.
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Drop for ReportEvery {
    fn drop(&mut self) {
        let _ignored = IgnoreAllocs::begin();
        let Some(Writing { origin, stop, thread }) = self.0.take() else { return };
        if origin.is_same_process() {
            drop(stop);
            // The thread's panic was reported by its panic hook.
            let _ = thread.join();
        } else {
            // A forked child does not have the thread, which may have left the channel locked.
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
        let mut reported = None;
        loop {
            let goes_on = stopped.recv_timeout(interval) == Err(Timeout);
            // What is owned when `main` ends says little of the time before.
            if goes_on {
                sampling::look();
            }
            let failed = file.write().err().map(|error| error.to_string());
            if let Some(why) = failed.as_ref().filter(|_| failed != reported) {
                say(&format_args!("the report is not in {}: {why}", file.path.display()));
            }
            reported = failed;
            if !goes_on {
                return;
            }
        }
    };
    let thread = thread::Builder::new().name("memprobe-report".to_owned());
    let thread = thread.spawn(write).map_err(|error| error.to_string())?;
    Ok(Writing { origin, stop, thread })
}

/// A file that always contains one whole report, once there is one.
struct File {
    path: PathBuf,
    /// Where the next report is written before it is moved to `path`.
    beside: PathBuf,
    form: Form,
}

impl File {
    fn new(path: &Path, form: Form) -> File {
        static FILES: AtomicU32 = AtomicU32::new(0);
        let mut beside = OsString::from(path);
        // A unique name, so that no one else writes to the file that is moved.
        beside.push(format!(".{}-{}.tmp", std::process::id(), FILES.fetch_add(1, Relaxed)));
        File { path: path.to_owned(), beside: beside.into(), form }
    }

    fn write(&self) -> io::Result<()> {
        let moved = save(&report(), &self.beside, self.form)
            .and_then(|()| fs::rename(&self.beside, &self.path));
        if moved.is_err() {
            let _ = fs::remove_file(&self.beside);
        }
        moved
    }
}
