//! The command `memprobe`: answers from the logs of programs that have memprobe in them.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    memprobe_cli::run(memprobe_cli::args::Cli::parse())
}
