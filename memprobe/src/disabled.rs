//! The same public names with nothing behind them.

use std::future::Future;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use crate::report::Report;
use crate::values::in_flight::InFlight;
use crate::values::process::{Limit, Process};
use crate::values::status::Status;
use crate::values::usage::{Unavailable, Usage};
use crate::values::watch_mode::{WatchError, WatchMode};

/// Compiled out: every figure is absent.
pub fn process() -> Process {
    Process::default()
}

/// Compiled out: the report is empty, and says why.
pub fn report() -> Report {
    Report::default()
}

/// Compiled out: there is nothing to report. Says so if `MEMPROBE_REPORT` asks for a report.
pub fn report_on_exit() -> ReportOnExit {
    ReportOnExit(())
}

/// Compiled out: reports nothing.
#[derive(Debug)]
#[must_use = "it reports when it is dropped; keep it to the end of `main`: \
              `let _report = memprobe::report_on_exit();`"]
pub struct ReportOnExit(());

impl Drop for ReportOnExit {
    fn drop(&mut self) {
        let asked = std::env::var_os("MEMPROBE_REPORT").unwrap_or_default();
        if !asked.is_empty() && asked != "off" {
            let _ = writeln!(
                std::io::stderr(),
                "memprobe: MEMPROBE_REPORT={} asks for a report, and memprobe is compiled out: \
                 build with its feature `enabled`",
                Path::new(&asked).display()
            );
        }
    }
}

/// Compiled out: there is nothing to report, and no thread.
pub fn report_every(_interval: Duration, _path: impl AsRef<Path>) -> ReportEvery {
    ReportEvery(())
}

/// Compiled out: reports nothing.
#[derive(Debug)]
#[must_use = "it stops when it is dropped; keep it to the end of `main`: \
              `let _report = memprobe::report_every(…);`"]
pub struct ReportEvery(());

impl Drop for ReportEvery {
    // As it is with memprobe: a guard that is only kept must not count as unused.
    fn drop(&mut self) {}
}

/// Compiled out: there is nothing to reset.
pub fn reset() {}

/// Compiled out: the work as it is.
#[inline]
pub fn carry<T, F: FnOnce() -> T>(work: F) -> impl FnOnce() -> T + use<T, F> {
    work
}

/// Compiled out: the future as it is.
#[inline]
pub fn carry_future<F: Future>(future: F) -> impl Future<Output = F::Output> + use<F> {
    future
}

/// Compiled out: no call is known.
pub fn in_flight() -> Vec<InFlight> {
    Vec::new()
}

/// Compiled out: there are no figures, and `work` is not run.
///
/// # Errors
///
/// Always.
pub fn measure<T>(_work: impl FnOnce() -> T) -> Result<(T, Usage), Unavailable> {
    Err(Unavailable::CompiledOut)
}

/// Compiled out: there are no figures, and the future is dropped.
///
/// # Errors
///
/// Always.
pub async fn measure_future<F: Future>(_future: F) -> Result<(F::Output, Usage), Unavailable> {
    Err(Unavailable::CompiledOut)
}

/// Compiled out: says so.
pub fn status() -> Status {
    Status::default()
}

/// Compiled out: watches nothing.
#[derive(Clone, Debug, Default)]
#[must_use = "a watch does nothing until it is installed"]
pub struct Watch(());

impl Watch {
    /// Compiled out: watches nothing.
    pub fn new() -> Watch {
        Watch(())
    }

    /// Compiled out: nothing is held against it.
    pub fn limit(self, _limit: Limit) -> Watch {
        self
    }

    /// Compiled out: there are no thresholds.
    pub fn thresholds(self, _marks: impl IntoIterator<Item = f64>) -> Watch {
        self
    }

    /// Compiled out: there is no thread.
    pub fn sample_every(self, _interval: Duration) -> Watch {
        self
    }

    /// Compiled out: nothing is installed.
    ///
    /// # Errors
    ///
    /// Never.
    pub fn install(self) -> Result<WatchMode, WatchError> {
        Ok(WatchMode::Off)
    }
}

/// Compiled out: runs `f`.
#[inline]
pub fn scope<T, F: FnOnce() -> T>(_name: &'static str, f: F) -> T {
    f()
}

/// Compiled out: the future as it is.
#[inline]
pub fn scope_future<F: Future>(
    _name: &'static str,
    future: F,
) -> impl Future<Output = F::Output> + use<F> {
    future
}
