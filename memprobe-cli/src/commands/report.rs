//! `memprobe report`: what the logs say as a whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::Path;
use std::process::ExitCode;

use crate::args::{Color, Report};
use crate::commands::{empty_model, named, read};
use crate::model::{By, Group, Heaviest, Model, Order, groups};
use crate::read::Done;
use crate::views::{end, json, markdown, text, trace};

/// Single calls that a trace has.
const TRACED: usize = 2000;

/// Runs the command.
///
/// # Errors
///
/// Those of reading and writing.
pub fn run(args: &Report) -> io::Result<ExitCode> {
    let heaviest = Heaviest::new(Order::Peak, 0, args.heaviest, true);
    let heaviest = if args.by == By::All { heaviest } else { heaviest.of_each_process() };
    let mut model = empty_model(heaviest, &args.logs.which);
    model.traced = args.trace.as_ref().map(|_| Heaviest::new(Order::Peak, 0, TRACED, false));
    let (model, done) = read(&args.logs.logs, model)?;
    let groups = groups(&model, args.by);
    if let Some(path) = &args.trace {
        let mut out = create(path)?;
        trace::write(&model, &done.sources, &mut out)?;
        out.flush()?;
    }
    if let Some(path) = &args.html {
        pages(path, &groups, &done)?;
    }
    let mut out = BufWriter::new(io::stdout().lock());
    if args.json {
        json::report(&groups, &model, &done, args.heaviest, &mut out)?;
    } else if args.folded {
        groups.iter().try_for_each(|group| folded(group, &mut out))?;
    } else if args.markdown {
        for group in &groups {
            markdown::report(group, &mut out)?;
        }
    } else {
        print(args, &groups, &model, &done, &mut out)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn print(
    args: &Report,
    groups: &[Group<'_>],
    model: &Model,
    done: &Done,
    out: &mut impl Write,
) -> io::Result<()> {
    let styled = match args.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    };
    if args.by == By::All && model.processes.len() > 1 {
        text::processes(model, out)?;
    }
    for (at, group) in groups.iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        if !group.name.is_empty() {
            writeln!(out, "== {}", group.name)?;
        }
        text::group(group, model, &done.sources, args.heaviest, styled, out)?;
    }
    text::read(model, done, out)
}

/// Writes the stacks of a group. Where there are several, its name is the root of each.
fn folded(group: &Group<'_>, out: &mut impl Write) -> io::Result<()> {
    if group.name.is_empty() {
        return group.report.write_folded(out);
    }
    let mut stacks = Vec::new();
    group.report.write_folded(&mut stacks)?;
    let root = group.name.replace(';', ",");
    for stack in String::from_utf8_lossy(&stacks).lines() {
        writeln!(out, "{root};{stack}")?;
    }
    Ok(())
}

/// Writes a page for each group. With several the names have a number before the ending.
fn pages(path: &Path, groups: &[Group<'_>], done: &Done) -> io::Result<()> {
    for (at, group) in groups.iter().enumerate() {
        let path = if groups.len() == 1 {
            path.to_owned()
        } else {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            path.with_file_name(format!("{stem}-{}.html", at + 1))
        };
        let page = group.report.to_html_with(end::cards(group, &done.sources));
        fs::write(&path, page).map_err(|error| named(&path, &error))?;
        eprintln!(
            "{}{}",
            path.display(),
            match &*group.name {
                "" => String::new(),
                name => format!(": {name}"),
            }
        );
    }
    Ok(())
}

fn create(path: &Path) -> io::Result<BufWriter<File>> {
    File::create(path).map(BufWriter::new).map_err(|error| named(path, &error))
}
