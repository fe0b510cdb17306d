//! The commands.

pub mod calls;
pub mod diff;
pub mod generated;
pub mod report;
pub mod watch;

use std::fmt::Write as _;
use std::io;
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
        [] => vec![Source::of(Path::new("-"))],
        logs => logs.iter().map(|log| Source::of(log)).collect(),
    };
    let done = read::read(sources, &mut model);
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
        let why = "the newest lines come first; give it the oldest first, as by `tac`";
        return Err(io::Error::other(why));
    }
    let counts = model.counts;
    let ends = counts.crossings + counts.kills;
    if counts.filtered > 0 && counts.filtered == counts.events && ends == 0 {
        return Err(io::Error::other(format!(
            "nothing is left of {} events: `--function`, `--since` or `--until` leaves out all",
            counts.events
        )));
    }
    if model.processes.is_empty() {
        return Err(io::Error::other(nothing(&model, &done)));
    }
    Ok((model, done))
}

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
