//! What is generated from the command line's own description.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::args::Cli;

/// Prints completions.
///
/// # Errors
///
/// Those of standard output.
pub fn completions(shell: Shell) -> io::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "memprobe", &mut script);
    io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the manual page: that of the program, and behind it those of its commands.
///
/// # Errors
///
/// Those of standard output.
pub fn man() -> io::Result<ExitCode> {
    let mut command = Cli::command();
    command.build();
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        let name = format!("memprobe-{}", inner.get_name());
        writeln!(page, ".SH {}", name.to_uppercase())?;
        let inner = clap_mangen::Man::new(inner.clone());
        inner.render_synopsis_section(&mut page)?;
        inner.render_description_section(&mut page)?;
        inner.render_options_section(&mut page)?;
    }
    io::stdout().write_all(&page)?;
    Ok(ExitCode::SUCCESS)
}
