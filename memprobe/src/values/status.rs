//! The value that describes what memprobe can read in a program, and what to add.

use std::fmt;

use crate::format::units::HumanBytes;
use crate::values::process::Limit;
use crate::values::usage::Unavailable;
use crate::values::watch_mode::WatchMode;

/// What memprobe can read in this program, returned by [`status`](crate::status()).
///
/// `Display` prints a line for each item, and what to add where one is missing.
///
/// # Examples
///
/// ```
/// eprintln!("{}", memprobe::status());
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// Whether memprobe is compiled in (its feature `enabled`).
    pub enabled: bool,
    /// Which allocator handles Rust's allocations.
    pub allocator: GlobalAllocator,
    /// jemalloc's version; `None` if jemalloc is not linked.
    pub jemalloc: Option<&'static str>,
    /// The readings, and which of them are available.
    pub readings: Vec<Reading>,
    /// The pages that jemalloc and the kernel have; `None` if either is not known.
    pub pages: Option<Pages>,
    /// The limit whose crossing kills the process; `None` if none was found.
    pub limit: Option<Limit>,
    /// Whether a subscriber wants the events.
    pub events: Events,
    /// How many calls a second `MEMPROBE_RATE` admits for all functions together: 0 for `off`,
    /// `None` if it is not set.
    pub rate: Option<f64>,
    /// How the installed [`Watch`](crate::Watch) checks; `None` if none is installed.
    pub watch: Option<WatchMode>,
    /// Whether allocations are sampled for [`live`](crate::live()).
    pub sampling: Sampling,
}

/// Whether jemalloc samples allocations for [`live`](crate::live()).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sampling {
    /// It does.
    Active {
        /// Mean number of bytes from one sample to the next.
        interval: u64,
    },
    /// It could, and was switched off.
    Paused,
    /// It does not, for this reason.
    Unavailable(Unavailable),
}

impl Default for Sampling {
    fn default() -> Sampling {
        Sampling::Unavailable(Unavailable::CompiledOut)
    }
}

/// Which allocator handles Rust's allocations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum GlobalAllocator {
    /// Not jemalloc: there are no heap figures.
    #[default]
    Other,
    /// jemalloc, through another wrapper than memprobe's: peaks are upper bounds where large
    /// blocks are resized.
    Jemalloc,
    /// jemalloc, through `memprobe::global_allocator!()`: all figures are as exact as documented.
    Memprobe,
}

/// One of the readings that figures are made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reading {
    /// Name of what is read: jemalloc's name, or that of the system's file.
    pub name: &'static str,
    /// Whether it is available.
    pub available: bool,
}

/// Sizes of pages, in bytes.
///
/// jemalloc is built for one size. For aarch64 Linux that is 64 KiB, because a kernel may have
/// pages of that size; on one with pages of 4 KiB jemalloc then takes more memory than it needs to,
/// and size classes from 16 KiB on are further apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pages {
    /// The pages that jemalloc was built for.
    pub of_jemalloc: u64,
    /// The pages of the kernel that runs.
    pub of_kernel: u64,
}

/// Whether a subscriber wants the events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Events {
    /// There is no `tracing` subscriber.
    #[default]
    NoSubscriber,
    /// There is a subscriber, and it wants neither memprobe's events at INFO nor any event that
    /// was reached so far.
    Unwanted,
    /// A subscriber wants them.
    Wanted {
        /// How many of the reached places write events.
        wanted: usize,
        /// How many places were reached so far: two for each function, one for each probe.
        reached: usize,
    },
}

impl Status {
    fn write_pages_and_limit(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(pages) = self.pages.filter(|pages| pages.of_jemalloc > pages.of_kernel) {
            write!(
                f,
                "\npages: jemalloc is built for {}, and this kernel has {}: blocks are rounded up \
                 further and more stays resident; if the program runs on such kernels only, build \
                 it with JEMALLOC_SYS_WITH_LG_PAGE={} in the environment",
                HumanBytes(pages.of_jemalloc),
                HumanBytes(pages.of_kernel),
                pages.of_kernel.ilog2()
            )?;
        }
        match &self.limit {
            Some(limit) => {
                writeln!(f, "\nlimit: {}, from {}", HumanBytes(limit.bytes), limit.source)
            }
            None if cfg!(any(target_os = "linux", target_os = "android")) => f.write_str(
                "\nlimit: none; neither AWS_LAMBDA_FUNCTION_MEMORY_SIZE nor a memory cgroup \
                 sets one\n",
            ),
            None => f.write_str(
                "\nlimit: none, for this system sets none; give the watch one: \
                 `memprobe::Watch::new().limit(memprobe::Limit::from_bytes(512 << 20))`\n",
            ),
        }
    }
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
        self.write_pages_and_limit(f)?;
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
        })?;
        match self.sampling {
            Sampling::Active { interval } => writeln!(
                f,
                "live: jemalloc samples one allocation in {}, for memprobe::live()",
                HumanBytes(interval)
            ),
            Sampling::Paused => f.write_str(
                "live: sampling is off; `memprobe::live::set_active(true)` or \
                 `_RJEM_MALLOC_CONF=prof_active:true` switches it on\n",
            ),
            Sampling::Unavailable(why) => writeln!(f, "live: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_told_where_jemalloc_s_are_the_larger() {
        let text = |of_jemalloc, of_kernel| {
            let pages = Some(Pages { of_jemalloc, of_kernel });
            Status { enabled: true, pages, ..Status::default() }.to_string()
        };
        let graviton = text(64 << 10, 4 << 10);
        assert!(
            graviton.contains("pages: jemalloc is built for 64 KiB, and this kernel has 4 KiB"),
            "{graviton}"
        );
        assert!(graviton.contains("JEMALLOC_SYS_WITH_LG_PAGE=12 "), "{graviton}");
        assert!(!text(4 << 10, 4 << 10).contains("pages:"));
        assert!(!text(4 << 10, 16 << 10).contains("pages:"), "jemalloc does not start there");
    }
}
