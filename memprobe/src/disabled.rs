//! The public functions and types where memprobe is compiled out: they do nothing.

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

#[path = "runtime/sampling_absent.rs"]
pub(crate) mod sampling;

#[cfg(feature = "spans")]
#[path = "runtime/spans_absent.rs"]
pub(crate) mod spans;

#[cfg(feature = "tower")]
#[path = "runtime/tower_absent.rs"]
pub(crate) mod tower;

pub use sampling::live;

/// Returns a process without figures, because memprobe is compiled out.
pub fn process() -> Process {
    Process::default()
}

/// Returns an empty report, which says that memprobe is compiled out.
pub fn report() -> Report {
    Report::default()
}

/// Returns a guard that reports nothing, because memprobe is compiled out. If `MEMPROBE_REPORT`
/// asks for a report, it says so on stderr when it is dropped.
pub fn report_on_exit() -> ReportOnExit {
    ReportOnExit(())
}

/// A guard that reports nothing, because memprobe is compiled out.
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

/// Returns a guard that reports nothing, and starts no thread, because memprobe is compiled out.
pub fn report_every(_interval: Duration, _path: impl AsRef<Path>) -> ReportEvery {
    ReportEvery(())
}

/// A guard that reports nothing, because memprobe is compiled out.
#[derive(Debug)]
#[must_use = "it stops when it is dropped; keep it to the end of `main`: \
              `let _report = memprobe::report_every(…);`"]
pub struct ReportEvery(());

impl Drop for ReportEvery {
    // The guard has a `Drop` as where memprobe is enabled, so that keeping it does not count as
    // unused.
    fn drop(&mut self) {}
}

/// Does nothing, because memprobe is compiled out.
pub fn reset() {}

/// Returns `work` unchanged, because memprobe is compiled out.
#[inline]
pub fn carry<T, F: FnOnce() -> T>(work: F) -> impl FnOnce() -> T + use<T, F> {
    work
}

/// Returns `future` unchanged, because memprobe is compiled out.
#[inline]
pub fn carry_future<F: Future>(future: F) -> impl Future<Output = F::Output> + use<F> {
    future
}

/// Returns an empty list, because memprobe is compiled out.
pub fn in_flight() -> Vec<InFlight> {
    Vec::new()
}

/// Returns an error without running `work`, because memprobe is compiled out.
///
/// # Errors
///
/// Always returns [`Unavailable::CompiledOut`].
pub fn measure<T>(_work: impl FnOnce() -> T) -> Result<(T, Usage), Unavailable> {
    Err(Unavailable::CompiledOut)
}

/// Returns an error and drops the future, because memprobe is compiled out.
///
/// # Errors
///
/// Always returns [`Unavailable::CompiledOut`].
pub async fn measure_future<F: Future>(_future: F) -> Result<(F::Output, Usage), Unavailable> {
    Err(Unavailable::CompiledOut)
}

/// Returns a status that says that memprobe is compiled out.
pub fn status() -> Status {
    Status::default()
}

/// A watch that watches nothing, because memprobe is compiled out.
#[derive(Clone, Debug, Default)]
#[must_use = "a watch does nothing until it is installed"]
pub struct Watch(());

impl Watch {
    /// Creates a watch that watches nothing, because memprobe is compiled out.
    pub fn new() -> Watch {
        Watch(())
    }

    /// Ignores the limit, because memprobe is compiled out.
    pub fn limit(self, _limit: Limit) -> Watch {
        self
    }

    /// Ignores the thresholds, because memprobe is compiled out.
    pub fn thresholds(self, _marks: impl IntoIterator<Item = f64>) -> Watch {
        self
    }

    /// Ignores the interval, because memprobe is compiled out.
    pub fn sample_every(self, _interval: Duration) -> Watch {
        self
    }

    /// Installs nothing, because memprobe is compiled out.
    ///
    /// # Errors
    ///
    /// Never returns an error.
    pub fn install(self) -> Result<WatchMode, WatchError> {
        Ok(WatchMode::Off)
    }
}

#[cfg(feature = "metrics")]
pub(crate) mod metrics {
    /// A collector that hands nothing over, because memprobe is compiled out.
    #[derive(Clone, Debug, Default)]
    pub struct Collector(());

    impl Collector {
        /// Creates a collector that hands nothing over, because memprobe is compiled out.
        pub fn new() -> Collector {
            Collector(())
        }

        /// Ignores the number, because memprobe is compiled out.
        #[must_use]
        pub fn max_functions(self, _functions: usize) -> Collector {
            self
        }

        /// Ignores the number, because memprobe is compiled out.
        #[must_use]
        pub fn max_segments(self, _segments: usize) -> Collector {
            self
        }

        /// Ignores the number, because memprobe is compiled out.
        #[must_use]
        pub fn max_values(self, _values: usize) -> Collector {
            self
        }

        /// Describes nothing, because memprobe is compiled out.
        pub fn describe(&self) {}

        /// Hands nothing over, because memprobe is compiled out.
        pub fn collect(&self) {}
    }
}

/// Runs `f`, and nothing else, because memprobe is compiled out.
#[inline]
pub fn scope<T, F: FnOnce() -> T>(_name: &'static str, f: F) -> T {
    f()
}

/// Returns `future` unchanged, because memprobe is compiled out.
#[inline]
pub fn scope_future<F: Future>(
    _name: &'static str,
    future: F,
) -> impl Future<Output = F::Output> + use<F> {
    future
}
