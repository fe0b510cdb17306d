//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::model::{By, Filter, Order};
use crate::parse::{time, watch};

/// Answers from the logs of programs that have memprobe in them.
///
/// Reads the lines that memprobe has written, whatever else is in the log: tracing-subscriber's JSON
/// and text, also from Docker, Kubernetes, journald, CloudWatch, Loki and Vector, plain or compressed with
/// gzip or zstd.
#[derive(Debug, Parser)]
#[command(name = "memprobe", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Which function took the memory: verdicts, table, heaviest calls, calls that never ended.
    Report(Report),
    /// Compares two runs or two days; the exit status tells whether it got worse.
    Diff(Diff),
    /// Lists single calls.
    Calls(Calls),
    /// Follows a growing log and keeps the table live in the terminal.
    Watch(Watch),
    /// Prints completions for a shell.
    Completions { shell: clap_complete::Shell },
    /// Prints the manual page, to be read by `man -l`.
    Man,
}

/// The logs, and which of their events.
#[derive(Args, Debug)]
pub struct Logs {
    /// Log files, plain or compressed; `-` or none is standard input. Of a rotated log the files may
    /// come in any order.
    #[arg(value_name = "LOG")]
    pub logs: Vec<PathBuf>,
    #[command(flatten)]
    pub which: Which,
}

#[derive(Args, Clone, Debug, Default)]
pub struct Which {
    /// Only functions with this in their path; may be given several times.
    #[arg(long, value_name = "PART")]
    pub function: Vec<String>,
    /// Only events from this time on, as in 2026-11-25T14:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = at)]
    pub since: Option<i64>,
    /// Only events up to this time.
    #[arg(long, value_name = "TIME", value_parser = at)]
    pub until: Option<i64>,
}

impl Which {
    pub fn filter(&self) -> Filter {
        Filter { functions: self.function.clone(), since: self.since, until: self.until }
    }
}

#[derive(Args, Debug)]
pub struct Report {
    #[command(flatten)]
    pub logs: Logs,
    /// One report of all, or one for each of these.
    #[arg(long, value_enum, default_value_t)]
    pub by: By,
    /// How many of the heaviest calls to show.
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub heaviest: usize,
    /// Write the page: one file to open from disk.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Write the report as JSON, to standard output; `memprobe diff` reads it.
    #[arg(long)]
    pub json: bool,
    /// Write folded stacks, for flame graphs, to standard output.
    #[arg(long, conflicts_with_all = ["json", "markdown"])]
    pub folded: bool,
    /// Write Markdown, for a pull request, to standard output.
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
    /// Write a trace of the heaviest calls, for Perfetto and chrome://tracing.
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Whether to colour.
    #[arg(long, value_enum, default_value_t)]
    pub color: Color,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Args, Debug)]
pub struct Diff {
    /// The run before: a log, or a report in JSON.
    pub before: PathBuf,
    /// The run after.
    pub after: PathBuf,
    #[command(flatten)]
    pub which: Which,
    /// Exit with status 1 if a function needs this much more, as in 10%.
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub fail_over: Option<f64>,
    /// Changes of fewer bytes are passed over.
    #[arg(long, value_name = "BYTES", default_value = "64KiB", value_parser = bytes)]
    pub least: u64,
    /// Write Markdown, for a pull request.
    #[arg(long)]
    pub markdown: bool,
    /// Write JSON.
    #[arg(long, conflicts_with = "markdown")]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct Calls {
    #[command(flatten)]
    pub logs: Logs,
    /// Only calls with at least this peak, as in 64MiB.
    #[arg(long, value_name = "BYTES", default_value = "0B", value_parser = bytes)]
    pub above: u64,
    /// What comes first.
    #[arg(long, value_enum, default_value_t)]
    pub sort: Order,
    /// How many to list.
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub most: usize,
    /// Write a line of JSON for each.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct Watch {
    /// The log to follow; `-` is standard input.
    pub log: PathBuf,
    #[command(flatten)]
    pub which: Which,
    /// Seconds from one drawing to the next.
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = seconds)]
    pub every: f64,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| *seconds > 0.0 && *seconds <= 3600.0);
    seconds.ok_or_else(|| "a number of seconds was expected, as in 0.5".into())
}

fn at(text: &str) -> Result<i64, String> {
    time::parse(text).ok_or_else(|| "a time was expected, as in 2026-11-25T14:00:00Z".into())
}

fn bytes(text: &str) -> Result<u64, String> {
    let number = || text.parse().ok();
    watch::bytes(text).or_else(number).ok_or_else(|| "bytes were expected, as in 64MiB".into())
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim_end_matches('%').trim().parse().ok();
    number
        .filter(|percent: &f64| percent.is_finite() && *percent >= 0.0)
        .ok_or_else(|| "a percentage was expected, as in 10%".into())
}
