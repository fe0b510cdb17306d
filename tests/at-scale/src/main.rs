//! Puts `#[memprobe]` on every function of published crates, and holds what comes out
//! against the same crates without it: what compiles, what the compiler warns about, and
//! what their own tests say.

mod annotate;
mod copy;
mod crates;
mod report;
mod run;

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use annotate::On;
use crates::{CRATES, Crate};
use report::Row;
use run::{Copy, Side};

const HELP: &str = "\
Annotates every function of published crates with #[memprobe], and compares with the same
crates as published: what compiles, what is warned about, what their own tests say.

Usage: cargo run --release -p memprobe-at-scale -- [OPTIONS] [CRATE[@VERSION]...]

Without a CRATE all in src/crates.rs are run. One that is not there needs a VERSION.

Options:
  --blocks   annotate whole modules, impl blocks and traits, where there are any
  --list     print the crates and what is left out of each, and why
  --help     print this

Copies, logs and builds are kept in target/at-scale. The exit status is 0 if there was no
difference.
";

/// Differences of one crate that are printed.
const SHOWN: usize = 30;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("at-scale: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool, Box<dyn Error>> {
    let mut chosen = Vec::new();
    let mut on = On::Functions;
    for argument in env::args().skip(1) {
        match argument.as_str() {
            "--help" | "-h" => {
                print!("{HELP}");
                return Ok(true);
            }
            "--list" => {
                report::print_list();
                return Ok(true);
            }
            "--blocks" => on = On::Blocks,
            option if option.starts_with('-') => {
                return Err(format!("unknown option `{option}`; see --help").into());
            }
            name => chosen.push(choose(name)?),
        }
    }
    if chosen.is_empty() {
        chosen = CRATES.to_vec();
    }
    let folder = target_folder()?.join("at-scale");
    let setup = Setup { folder, lints: lints_off_by_default(on)?, on };
    let started = Instant::now();
    let mut rows = Vec::new();
    for (number, krate) in chosen.iter().enumerate() {
        println!("[{}/{}] {} {}", number + 1, chosen.len(), krate.name, krate.version);
        let mut row = Row::new(krate);
        if let Err(error) = setup.hold(krate, &mut row) {
            row.differences.push(error.to_string());
        }
        for difference in row.differences.iter().take(SHOWN) {
            println!("    DIFFERENT: {difference}");
        }
        if let Some(more @ 1..) = row.differences.len().checked_sub(SHOWN) {
            println!("    and {more} more");
        }
        rows.push(row);
    }
    report::print_table(&rows);
    println!("in {} s", started.elapsed().as_secs());
    Ok(rows.iter().all(|row| row.differences.is_empty()))
}

/// `NAME` of the list, or `NAME@VERSION` of any published crate.
fn choose(argument: &str) -> Result<Crate, String> {
    let (name, version) = match argument.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (argument, None),
    };
    let known = CRATES.iter().find(|krate| krate.name == name).cloned();
    match (known, version) {
        (Some(known), None) => Ok(known),
        (Some(known), Some(version)) => Ok(Crate { version: leak(version), ..known }),
        (None, Some(version)) => Ok(Crate::new(leak(name), leak(version))),
        (None, None) => {
            Err(format!("`{name}` is not in the list: say which version, as in {name}@1.0.0"))
        }
    }
}

fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

/// The runtime that the annotated copies depend on.
fn memprobe() -> &'static str {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../memprobe")
}

fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Where this repository builds.
fn target_folder() -> Result<PathBuf, Box<dyn Error>> {
    let program = env::current_exe()?;
    let folder = program.ancestors().nth(2).ok_or("this program is not in a target folder")?;
    Ok(folder.to_owned())
}

/// Lints of a crate's dependencies, which the copies differ in whatever the attribute does:
/// memprobe is new, and a library with a global allocator always counts as used.
const ABOUT_DEPENDENCIES: [&str; 2] = ["unused-crate-dependencies", "unused-extern-crates"];

/// The compiler passes over imports that an attribute macro returns, as those of a whole module.
const NOT_IN_BLOCKS: &str = "redundant-imports";

/// The lints of the compiler that are off unless asked for, as flags that ask for them.
fn lints_off_by_default(on: On) -> Result<Vec<String>, Box<dyn Error>> {
    let output = Command::new("rustc").args(["-W", "help"]).output()?;
    let flags: Vec<String> = String::from_utf8(output.stdout)?
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (lint, default) = (words.next()?, words.next()?);
            let is_left_out =
                ABOUT_DEPENDENCIES.contains(&lint) || on == On::Blocks && lint == NOT_IN_BLOCKS;
            (default == "allow" && !is_left_out).then(|| format!("-W{lint}"))
        })
        .collect();
    if flags.is_empty() {
        return Err("`rustc -W help` names no lint".into());
    }
    Ok(flags)
}

/// Where and how crates are held against their copies.
struct Setup {
    folder: PathBuf,
    lints: Vec<String>,
    on: On,
}

impl Setup {
    fn hold(&self, krate: &Crate, row: &mut Row) -> Result<(), Box<dyn Error>> {
        let folder = self.folder.join(format!("{}-{}", krate.name, krate.version));
        let copies = copy::make(krate, &folder, self.on)?;
        let plain = self.side(krate, &folder, "plain")?;
        if !plain.build.compiles {
            let error = plain.build.first_error();
            return Err(format!("does not compile as published: {error}").into());
        }
        let annotated = self.side(krate, &folder, "annotated")?;
        for (file, error) in &copies.left {
            if annotated.build.sources.contains(file) {
                println!("  no functions seen in {}: {error}", file.display());
            }
        }
        row.compare(&copies, plain, annotated);
        Ok(())
    }

    fn side(&self, krate: &Crate, folder: &Path, name: &str) -> Result<Side, Box<dyn Error>> {
        let root = folder.join(name);
        let target = self.folder.join("build").join(name);
        let copy = Copy { krate, root: &root, target: &target, lints: &self.lints };
        let mut side = Side::default();
        println!("  {name}: building");
        side.build = copy.build()?;
        fs::write(folder.join(format!("{name}.build.log")), &side.build.said)?;
        if side.build.compiles {
            println!("  {name}: testing");
            side.tests = copy.test(&folder.join(format!("{name}.log")))?;
        }
        Ok(side)
    }
}
