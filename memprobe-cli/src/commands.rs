//! The commands.

pub mod calls;
pub mod diff;
pub mod generated;
pub mod report;
pub mod watch;

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use crate::input::Source;
use crate::model::{Heaviest, Model};
use crate::read::{self, Done};

/// Reads logs, and tells on standard error of those that cannot be read.
///
/// # Errors
///
/// Fails if none of them can be read, or if there is nothing of memprobe's in them.
fn read(logs: &[PathBuf], mut model: Model) -> io::Result<(Model, Done)> {
    let sources = match logs {
        [] => {
            if io::stdin().is_terminal() {
                eprintln!("memprobe: reading standard input, to its end (Ctrl-D); or name a log");
            }
            vec![Source::of(Path::new("-"))]
        }
        logs => logs.iter().map(|log| Source::of(log)).collect(),
    };
    let done = read::read(sources, &mut model);
    checked(model, done)
}

/// Tells on standard error of logs that could not be read.
///
/// # Errors
///
/// Fails if none of them could, or if there is nothing of memprobe's in them.
fn checked(model: Model, done: Done) -> io::Result<(Model, Done)> {
    for (source, error) in &done.errors {
        eprintln!("memprobe: {}: {error}", source.name());
    }
    for source in &done.cut {
        eprintln!("memprobe: {}: its end is missing; what comes before is read", source.name());
    }
    if done.errors.len() == done.sources.len() {
        return Err(io::Error::other("no log could be read"));
    }
    if model.is_backwards() {
        return Err(io::Error::other(BACKWARDS));
    }
    let counts = model.counts;
    let all = counts.events + counts.crossings + counts.kills;
    if counts.filtered > 0 && counts.filtered == all {
        return Err(io::Error::other(format!(
            "nothing is left of {all} lines: `--function`, `--since` or `--until` leaves out all"
        )));
    }
    if model.processes.is_empty() {
        return Err(io::Error::other(nothing(&model, &done)));
    }
    Ok((model, done))
}

/// Returns an error that says which file it is of.
fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// What to do about a log that is read from its end.
const BACKWARDS: &str = "the newest lines come first, and the oldest must. `tac` turns a file with a line \
    for each event around; `logcli query --forward`, `direction=forward` in Loki's API and \
    `sort @timestamp asc` in Logs Insights give the oldest first";

/// Says that there is nothing of memprobe's, and what was expected.
fn nothing(model: &Model, done: &Done) -> String {
    let mut text = format!(
        "nothing of memprobe's in {} lines. Expected were lines like\n  \
         {{\"timestamp\":\"…\",\"fields\":{{\"message\":\"…\",\"memprobe\":\"exit\",\"function\":\"…\",…}}}}\n  \
         2026-11-25T14:00:04Z INFO memprobe::app: … memprobe=\"exit\" function=\"…\" …\n  \
         memprobe: threshold=95% at=… pid=… limit=…\n\
         (a report in JSON is for `memprobe diff`, as a plain file)",
        done.extent.lines
    );
    for one in &model.unreadable {
        let source = done.sources.get(one.place.source).map_or(String::new(), Source::name);
        let _ = write!(text, "\n{source}:{}: {}: {}", one.place.line, one.why, one.text);
    }
    text
}

fn empty_model(heaviest: Heaviest, which: &crate::args::Which) -> Model {
    Model::new(heaviest, which.filter())
}
