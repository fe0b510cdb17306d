//! Whether memprobe can do its work here, and what to add where it cannot.

use std::fmt;

use crate::format::units::HumanBytes;
use crate::values::process::Limit;
use crate::values::watch_mode::WatchMode;

/// What memprobe has to work with, asked by [`status`](crate::status()).
///
/// `Display` prints a line for each, with what to add for each "no".
///
/// ```
/// eprintln!("{}", memprobe::status());
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// Whether memprobe is compiled in (its feature `enabled`).
    pub enabled: bool,
    /// Where Rust's allocations go.
    pub allocator: GlobalAllocator,
    /// jemalloc's version, where jemalloc is linked.
    pub jemalloc: Option<&'static str>,
    /// The readings, and which of them can be had.
    pub readings: Vec<Reading>,
    /// What the process is killed at.
    pub limit: Option<Limit>,
    /// Whether anybody listens.
    pub events: Events,
    /// How many calls all functions together may write a second by `MEMPROBE_RATE`: 0 for
    /// `off`, `None` where it is not set.
    pub rate: Option<f64>,
    /// How the installed [`Watch`](crate::Watch) looks; `None` where none is installed.
    pub watch: Option<WatchMode>,
}

/// Where Rust's allocations go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum GlobalAllocator {
    /// Not to jemalloc: there are no heap figures.
    #[default]
    Other,
    /// To jemalloc, through another wrapper than memprobe's: where large blocks are resized,
    /// a peak is an upper bound.
    Jemalloc,
    /// To jemalloc through `memprobe::global_allocator!()`: all figures are exact.
    Memprobe,
}

/// One of the readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reading {
    /// What is read, by the name of jemalloc or of the system's file.
    pub name: &'static str,
    /// Whether it can be had.
    pub available: bool,
}

/// Whether anybody listens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Events {
    /// There is no `tracing` subscriber.
    #[default]
    NoSubscriber,
    /// There is one, but it wants no event of memprobe's at INFO, nor any of those reached.
    Unwanted,
    /// A subscriber wants them.
    Wanted {
        /// Places that write events, of those that were reached so far.
        wanted: usize,
        /// Places that were reached so far; two for each function, one for each probe.
        reached: usize,
    },
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.enabled {
            return f.write_str(
                "memprobe is compiled out: build with its feature `enabled`, \
                 as in `memprobe = { …, features = [\"enabled\"] }`\n",
            );
        }
        writeln!(f, "memprobe {} is compiled in", env!("CARGO_PKG_VERSION"))?;
        f.write_str("allocator: ")?;
        f.write_str(match self.allocator {
            GlobalAllocator::Memprobe => {
                "jemalloc, by memprobe::global_allocator!(), so figures are exact"
            }
            GlobalAllocator::Jemalloc => {
                "jemalloc, by another wrapper: peaks are upper bounds where large blocks are \
                 resized; for exact ones replace your #[global_allocator] by \
                 `memprobe::global_allocator!();`"
            }
            GlobalAllocator::Other => {
                "not jemalloc, so there are no heap figures: add \
                 `memprobe::global_allocator!();` to the crate with `main`, in place of a \
                 #[global_allocator] of its own"
            }
        })?;
        match self.jemalloc {
            Some(version) => writeln!(f, "\njemalloc: {version}")?,
            None => f.write_str("\njemalloc: not linked\n")?,
        }
        f.write_str("readings:")?;
        for Reading { name, available } in &self.readings {
            write!(f, " {name}{}", if *available { "" } else { " (cannot be had)" })?;
        }
        match &self.limit {
            Some(limit) => {
                writeln!(f, "\nlimit: {}, from {}", HumanBytes(limit.bytes), limit.source)?;
            }
            None => f.write_str(
                "\nlimit: none; neither AWS_LAMBDA_FUNCTION_MEMORY_SIZE nor a memory cgroup \
                 sets one\n",
            )?,
        }
        match self.events {
            Events::NoSubscriber => f.write_str(
                "events: nobody listens; install a subscriber in `main`, as in \
                 `tracing_subscriber::fmt::init();`\n",
            )?,
            Events::Unwanted => f.write_str(
                "events: the subscriber does not want them; add `memprobe=info` to its filter, \
                 as in `RUST_LOG=warn,memprobe=info`\n",
            )?,
            Events::Wanted { reached: 0, .. } => f.write_str(
                "events: a subscriber wants them; no annotated function was called so far\n",
            )?,
            Events::Wanted { wanted, reached } => {
                writeln!(f, "events: wanted at {wanted} of the {reached} places reached so far")?;
            }
        }
        match self.rate {
            None => {}
            Some(0.0) => f.write_str(
                "rate: by MEMPROBE_RATE=off no call is written; the totals count all of them\n",
            )?,
            Some(rate) => writeln!(
                f,
                "rate: all functions together write at most {rate} calls a second, by MEMPROBE_RATE"
            )?,
        }
        f.write_str(match self.watch {
            None => {
                "watch: none; for a line before the kill add \
                 `memprobe::Watch::new().install()?;` to `main`\n"
            }
            Some(WatchMode::Hook) => "watch: looks from inside the allocator\n",
            Some(WatchMode::Points) => {
                "watch: looks at entries, probes and exits; jemalloc 5.3.1 or newer as the global \
                 allocator would call it back\n"
            }
            Some(WatchMode::Off) => {
                "watch: off, for there is no limit, or nothing to read, or MEMPROBE_WATCH=off\n"
            }
        })
    }
}
