//! Which part of a handler took the memory.
//!
//! Put [`#[memprobe]`](macro@memprobe) on a function, async or sync, drop
//! [`probe!("label")`](probe!) where its work changes phase, and read in the log which phase
//! allocated, freed, kept and peaked at how many bytes, and how near the process is to its
//! limit.
//!
//! ```
//! use memprobe::{memprobe, probe};
//!
//! memprobe::global_allocator!();
//!
//! #[memprobe]
//! async fn handler(page: &str) -> Result<usize, std::num::ParseIntError> {
//!     let rows: Vec<usize> = page.lines().map(str::parse).collect::<Result<_, _>>()?;
//!     probe!("parsed", rows = rows.len());
//!     let sums: Vec<usize> = rows.iter().map(|row| row * 2).collect();
//!     probe!("doubled");
//!     Ok(sums.iter().sum())
//! }
//! ```
//!
//! # Key concepts
//!
//! One request, followed through the words of this documentation:
//!
//! 1. A *call* is one execution of an annotated function: the handler above, from its first poll
//!    to its return, with all polls between, on whatever threads they run.
//! 2. A *point* is a place where a reading is taken: the entry, each probe, the exit. The handler
//!    has four.
//! 3. A *segment* goes from one point to the next and is named by both: `entry -> parsed`,
//!    `parsed -> doubled`, `doubled -> return` (or `-> panic`, or `-> cancel` for a future that was
//!    dropped before it was done). The rows of a page of 8,000 lines are 64 KB, and they are in
//!    `entry -> parsed`.
//! 4. If the handler calls another annotated function, that call is *nested*. What it does counts
//!    for the handler too (*inclusive*), and not for the handler's *self* figures.
//! 5. The *call tree* has a node for each function in each calling context, so that the same
//!    helper has figures of its own under each handler that calls it.
//!
//! For each segment and each call there are these figures, in bytes as the allocator hands them out
//! (size classes):
//!
//! | | |
//! |---|---|
//! | *allocated*, *freed* | all that was asked for and given back: the churn |
//! | *net* | allocated less freed: what it kept; can be negative |
//! | *peak* | the highest net above its start |
//! | *held* | the call's net so far |
//!
//! They are what the call's own thread did while it ran; other tasks and other threads do not count,
//! unless [`carry()`] takes the call along. For an async function the readings are taken around
//! each `poll`, so that what runs between the polls is not in them. A free counts where it happens:
//! a call that frees what another has allocated has a negative net.
//!
//! *allocated*, *freed*, *net* are exact to the byte. *peak* is never over, at most 64 KiB
//! under, and exact where all blocks are 64 KiB or larger; with another wrapper than
//! [`global_allocator!`] it is an upper bound where blocks are resized, because jemalloc
//! counts the new size before it takes off the old one. A `realloc` is an allocation of the
//! new size and a free of the old one. What memprobe and the subscriber allocate while they
//! write an event is in no figure; what a subscriber frees *later* counts where that happens.
//!
//! A figure that cannot be had is left out, and never shown as 0.
//!
//! # Events
//!
//! Each point is one `tracing` event, in the user's own span, with a line for people and
//! flat fields in bytes for programs. The target is `memprobe::<module path>`, so one
//! directive rules them all (`memprobe=off`, `memprobe::app::handlers=debug`). Fields, in
//! order:
//!
//! | field | |
//! |---|---|
//! | `memprobe` | `entry`, `probe`, `exit`, or `snapshot`: a probe outside any call; `warning`; `watch` for the events of a [`Watch`] |
//! | `function` | path of the function, or the name given to it |
//! | `from`, `label` | where the segment begins and ends |
//! | *your own* | those of `probe!("label", rows, name = value)` |
//! | `call_id`, `parent_id` | this call, and the annotated call around it |
//! | `uptime_us` | age of the process in µs |
//! | `peak`, `net`, `held`, `allocated`, `freed` | the segment's |
//! | `rss` | the process's resident set |
//! | `cgroup` | where a cgroup sets the limit: its usage less page cache, which stands against the limit in place of RSS; left out when reading it would take more than 5 % of wall time |
//! | `limit` | what the process is killed at |
//! | `jemalloc_allocated`, `_active`, `_resident`, `_metadata` | jemalloc's `stats.*`; left out when refreshing them would take more than 5 % of wall time |
//! | `skipped` | how many calls, or passes of this probe, were not written since the last |
//! | `outcome` | `returned`, `panicked`, `cancelled`; `closed` for a span |
//! | `duration_us` | of the call, with its awaits; left out of an exit without an entry if it is below 0.1 s |
//! | `call_peak`, `call_peak_from`, `call_peak_label` | the call's peak and the segment that reached it |
//! | `call_net`, `call_allocated`, `call_freed` | of the whole call |
//! | `peak_rss` | highest resident set so far (`VmHWM`) |
//! | `cold` | `true` in the first call of the function |
//! | `why` | the call stands out: `above` the bound, or, where it has no entry, `highest` (see below) |
//!
//! The first 20 calls of a function are written, and then one a second (`rate = …`). Such a call is
//! written from its entry to its exit, each of its probes at the same rate: of a probe in a loop
//! some. [`report()`] counts all of them.
//!
//! A call that stands out is never skipped. The exit of a call is written whatever the rate, if the
//! call peaked by a quarter higher than any that was written before (`why = "highest"`), or above the
//! bound of the user (`#[memprobe(above = "64 MiB")]`; `why = "above"`, at `WARN`). It names the
//! segment that reached the peak. Of one function one such line is written a second: where more calls
//! stand out, the highest of them waits for the next second, and is written when a call ends then.
//!
//! The environment variable `MEMPROBE_RATE` holds all functions together: `MEMPROBE_RATE=100`
//! lets them write 100 calls a second, with a burst of twice that, whatever their own rates would
//! let pass; below 1 it is one at a time. Calls that stand out come on top. Each probe then keeps to the slower of this rate and that
//! of its function. With `off` no call and no snapshot is written; the warning that jemalloc is
//! missing and the events of a [`Watch`] are. It is read once, when the first event is due.
//!
//! # The report
//!
//! [`report()`] sums up what all calls did, of each function, each segment and each calling
//! context. [`report_on_exit()`] in the first line of `main` prints it at the end:
//!
//! ```text
//! pressure  visit peaks at 1.0 MiB × 100 at once = 100.0 MiB
//! growing   handle › remember keeps +64 KiB a call; the process grows by 1.8 MiB a second
//! churn     handle › parse allocated 1.56 GiB, 30 × the 53.1 MiB it needed
//! process   rss 55.7 MiB (21%), highest 111.7 MiB (43%) of 256.0 MiB
//!
//!     function                               calls at once       peak        net   per call  allocated
//! gc  app::handle                               50       1   25.0 MiB    3.1 MiB    +64 KiB   2.79 GiB
//!       parsed -> resized                       50           25.0 MiB        0 B              1.17 GiB
//!       fetched -> parsed                       50            2.0 MiB        0 B              1.56 GiB
//! …
//! ```
//!
//! [`Pressure`](report::Pressure), [`Growth`](report::Growth) and [`Churn`](report::Churn) say how
//! each verdict is found, [`Figures`](report::Figures) what each figure means. `MEMPROBE_REPORT=path.html` makes a page of it, `path.json` raw numbers,
//! `path.folded` stacks for flame graphs, `off` nothing; several stand between commas.
//! [`report_every()`] writes it to a file while the program runs, so that it outlives a kill.
//!
//! Where the live memory is sampled ([`live()`]), the report also says who *owns* it: below the
//! verdicts a table of the owners with their standard errors, in the call tree a column of what each
//! context owns now, and on the page first of all a picture whose areas add up, the memory that
//! finished calls left behind over time, and the stacks that allocated it.
//!
//! In JSON, and with any other `serde` format, the keys are the names of the public fields,
//! and of what follows from them: `pressure` of a function, `net`, `self_net` and `per_call` of
//! figures, `p50`, `p95`, `p99` of distributions, `used` and `peak_used` of the process, `ratio` of
//! churn, and the `verdicts`, each `{"found": …}`, or `{"undecided": […]}` with the candidates, or
//! `{"unknown": "why"}`, or `{}` for none. Of `live` these are `is_rough` of estimates, and of
//! stacks, with the feature `symbols`, `frames`: each an `address`, with `function`, `file` and
//! `line` where they are found. An owner's `kind` is `call`, `not_annotated` or `memprobe`.
//! Numbers are bytes, or counts, or what the end of the key says: `_us` is µs, `_per_second`
//! bytes a second. A figure that cannot be had has no key.
//!
//! # Live memory by owner
//!
//! What a call nets is not what it owns: a handler frees the body that a framework allocated, and
//! hands on a response that a framework frees. With the feature `live` and
//! `memprobe::global_allocator!(live)` jemalloc samples allocations, and [`live()`](live()) has who
//! owns the memory that is live now: estimates by calling context and label, each with its standard
//! error, of calls that run and of calls that have ended. The report has them too, and judges growth
//! by them. `docs/live.md` tells how it works, how exact it is and what it costs.
//!
//! # Before the kill
//!
//! A process that goes over its limit is killed without a word. [`Watch`] says who took the
//! memory before that happens: one line on stderr, from inside the allocator, before the
//! program touches what it has just asked for.
//!
//! ```no_run
//! # fn main() -> Result<(), memprobe::watch::WatchError> {
//! memprobe::Watch::new().install()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Libraries and applications
//!
//! A library depends on memprobe with `default-features = false`: the attribute then returns
//! the function untouched, `probe!` is `()`, and nothing of memprobe is in the binary or in
//! the dependency tree. The application switches it on, best by a feature of its own:
//!
//! ```toml
//! [features]
//! memprobe = ["memprobe/enabled", "memprobe/jemalloc"]
//! ```
//!
//! # Features
//!
//! - `enabled` (default): readings, totals and events.
//! - `jemalloc` (default): [`global_allocator!`] installs jemalloc, also where `enabled` is
//!   off; without both it leaves the program's allocator alone.
//! - `html`: the report as one page, `Report::to_html` and `Report::write_html`.
//! - `json`: the report as JSON, `Report::write_json`; with it comes `serde`.
//! - `serde`: [`Report`], [`Process`], [`InFlight`] and [`Live`](report::Live) as
//!   `serde::Serialize`.
//! - `color`: `Report::colored`, and colour in what [`report_on_exit()`] prints on a terminal,
//!   unless `NO_COLOR` is set.
//! - `spans`: `memprobe::spans`, the spans of `tracing` as calls, on the registry of
//!   `tracing-subscriber`.
//! - `tower`: `memprobe::tower`, the requests of services of `tower` as calls.
//! - `axum`: `tower`, and requests are named by the path that the router of axum 0.8 has matched.
//! - `live`: live memory by owner, with `global_allocator!(live)`; jemalloc is built with its
//!   profiling, which makes a malloc with its free some ns slower.
//! - `symbols`: functions and lines in the stacks of `live`, by the crate `backtrace`.
//! - `metrics`: `memprobe::metrics::Collector` hands the totals over to the recorder of the crate
//!   `metrics`, for Prometheus, OpenTelemetry and others.
//! - `profiling`: `Profiles`, jemalloc's heap profiles at a threshold of the watch or where a
//!   segment passes a bound.
//! - `pprof`: these profiles, and [`Live`](report::Live), also in the format of pprof, with names and
//!   lines; with it comes `profiling`.
//! - `dlopen`: for what is loaded while a program runs, as an extension of Python, a plugin or a
//!   proc-macro crate. Without it the loader says `cannot allocate memory in static TLS block`:
//!   jemalloc's thread-locals lie where only a program has room for them. With it they are found
//!   by a call in what is loaded, which makes a malloc with its free 5 ns slower, and nothing in a program.
//!
//! # What memprobe itself takes
//!
//! A call takes a record of 384 bytes while it runs. Free records are kept for further calls: 64
//! for each thread, and 512 KiB for all; on Linux the others are given back to the kernel after
//! a burst of calls. The totals take some 2 KiB for each segment and thread, and stay. With `live` a
//! sampled block takes 256 bytes while it is live: some 512 bytes for each MiB.
//!
//! # What it cannot see
//!
//! - Memory outside jemalloc: C libraries that call `malloc`, `mmap`, thread stacks. It is in
//!   `rss`, which is why that stands in every event.
//! - What other threads do on behalf of a call: a `spawn_blocking` closure is not in the
//!   figures of the function that awaits it, unless [`carry()`] takes the call along.
//! - Functions without an attribute: they count for the annotated function that calls them.
//! - Some calls in a forked child, if a thread of the parent was acquiring records for its calls at the
//!   moment of the fork: it does not exist in the child, where what it had locked stays locked. Threads
//!   that have made calls before have records of their own.
//! - That calls of other threads do not go on in a forked child: [`in_flight()`] lists those that ran at
//!   the fork, and they count for the calls at once, which are marked as not exact there. `exec`, or a
//!   fork before the first thread, leaves nothing behind.
//! - On Windows jemalloc is left out, so that calls have no bytes there, and only Linux has limits
//!   that are found. On aarch64 Linux jemalloc is built for pages of 64 KiB, which takes more memory
//!   and rounds sizes up further; [`status()`] says so, with the cure. `docs/platforms.md` has a
//!   table.
//!
//! [`status()`] says what can be had in a program, and what to add.

#![warn(missing_docs)]
// Marks what needs a feature, where documentation is built by a nightly toolchain.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(all(feature = "enabled", target_family = "wasm"))]
compile_error!(
    "memprobe cannot measure on wasm, where jemalloc does not build. Leave its features `enabled` \
     and `jemalloc` out for this target: `memprobe = { …, default-features = false }`, and with \
     `[target.'cfg(not(target_family = \"wasm\"))'.dependencies]` switch them on for the others."
);

extern crate self as memprobe;

#[cfg(feature = "jemalloc")]
mod allocator;
mod format;
mod macros;
pub mod report;
#[cfg_attr(not(feature = "enabled"), path = "disabled.rs")]
mod runtime;
mod values;

#[cfg(feature = "enabled")]
#[doc(hidden)]
pub mod __private;

/// What the command `memprobe` makes reports of logged events with. It is not part of the public API
/// and not subject to semantic versioning.
#[cfg(feature = "__builder")]
#[doc(hidden)]
pub mod __builder {
    pub use crate::format::name::{keep_start, short};
    pub use crate::format::units::{HumanBytes, HumanCount, HumanDuration, Net, SignedBytes};
    pub use crate::report::builder::{
        Builder, Call, CallFigures, Context, Outcome, Segment, SegmentFigures,
    };
    #[cfg(feature = "html")]
    pub use crate::report::html::End;
}

/// Live memory by owner: how it is sampled, while the program runs.
pub mod live {
    pub use crate::runtime::sampling::{set_active, set_interval, set_stack_every};
}

/// The totals as metrics, for Prometheus, OpenTelemetry and other engines.
///
/// The crate [`metrics`](::metrics) is a facade, as `tracing` is for events: the application installs
/// a recorder, and a [`Collector`](metrics::Collector) hands over to it what memprobe has counted.
/// `docs/fleet.md` has set-ups, alert rules and a dashboard.
#[cfg(feature = "metrics")]
pub mod metrics {
    pub use crate::runtime::metrics::Collector;
    pub use crate::values::buckets::BUCKETS;
}

/// What is reached through [`Process`].
pub mod process {
    pub use crate::values::process::{Heap, LimitSource};
}

/// The spans of `tracing` as calls: figures for code that nobody annotated.
///
/// - [`layer()`](spans::layer()) makes each span a call.
/// - [`ignore()`](spans::ignore()) takes the work of the subscriber itself out of all figures.
#[cfg(feature = "spans")]
pub mod spans {
    pub use crate::runtime::spans::{SpanLayer, ignore, layer};
}

/// What is reached through [`Status`].
pub mod status {
    pub use crate::values::status::{Events, GlobalAllocator, Pages, Reading, Sampling};
}

/// Requests as calls, on any service of `tower`: axum, tonic, `lambda_runtime`.
///
/// - [`layer()`](tower::layer()) names the requests of an HTTP service by method and route.
/// - [`layer_named()`](tower::layer_named()) names them by a closure.
/// - [`layer_without_body()`](tower::layer_without_body()) is for services of any other kind.
///
/// A request whose client goes away is `cancelled`, and what it held is given back in its call. In
/// [`in_flight()`] it stands until the last of its response is sent.
///
/// What runs outside the layer is in no figure of it: a middleware that is added after it, the
/// server, which allocates the request and frees the head of the response, and work that the handler
/// has spawned, unless [`carry()`] takes the call along.
#[cfg(feature = "tower")]
pub mod tower {
    pub use crate::runtime::tower::*;
}

/// What is reached through [`Watch`].
pub mod watch {
    pub use crate::values::watch_mode::{WatchError, WatchMode};
}

#[cfg(feature = "jemalloc")]
pub use allocator::Allocator;
#[doc(hidden)]
pub use macros::__assert_peak;
pub use macros::memprobe;
pub use report::Report;
#[cfg(feature = "profiling")]
pub use runtime::Profiles;
pub use runtime::{
    ReportEvery, ReportOnExit, Watch, carry, carry_future, in_flight, live, measure,
    measure_future, process, report, report_every, report_on_exit, reset, scope, scope_future,
    status,
};
pub use values::in_flight::InFlight;
pub use values::process::{Limit, Process};
pub use values::status::Status;
pub use values::usage::{Unavailable, Usage};
