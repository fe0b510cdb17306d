//! `memprobe calls`: single calls.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use crate::args::Calls;
use crate::commands::{empty_model, read};
use crate::model::Heaviest;
use crate::views::{json, text};

/// Runs the command.
///
/// # Errors
///
/// Those of reading and writing.
pub fn run(args: &Calls) -> io::Result<ExitCode> {
    let heaviest = Heaviest::new(args.sort, args.above, args.most, false);
    let (model, done) = read(&args.logs.logs, empty_model(heaviest, &args.logs.which))?;
    let mut out = BufWriter::new(io::stdout().lock());
    if args.json {
        for call in model.heaviest.calls() {
            json::call(call, &model, &done.sources, &mut out)?;
        }
    } else {
        text::calls(&model, &done.sources, &mut out)?;
        text::read(&model, &done, &mut out)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
