//! The parts of the command `memprobe`, for its program, its tests and its fuzzer. It is no library
//! for others, and promises nothing to them.
#![allow(missing_docs, reason = "it is the inside of a program")]
#![allow(
    clippy::doc_markdown,
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    reason = "products have capitals in their names, and the texts of the command line no backticks"
)]

pub mod args;
mod commands;
pub mod input;
pub mod model;
pub mod names;
pub mod parse;
pub mod read;
pub mod views;

use std::io;
use std::process::ExitCode;

use args::{Cli, Command};

/// The exit status where nothing could be said: a log cannot be read, or has nothing of
/// memprobe's in it.
pub const FAILED: u8 = 2;

/// Runs the command line.
pub fn run(cli: Cli) -> ExitCode {
    let done = match cli.command {
        Command::Report(args) => commands::report::run(&args),
        Command::Diff(args) => commands::diff::run(&args),
        Command::Calls(args) => commands::calls::run(&args),
        Command::Watch(args) => commands::watch::run(&args),
        Command::Completions { shell } => commands::generated::completions(shell),
        Command::Man => commands::generated::man(),
    };
    match done {
        Ok(code) => code,
        // `memprobe report … | head` is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("memprobe: {error}");
            ExitCode::from(FAILED)
        }
    }
}
