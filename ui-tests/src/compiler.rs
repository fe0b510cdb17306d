//! `clippy-driver`, which is rustc with clippy's lints, and the libraries for the cases.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use serde_json::Value;

use crate::case::{Case, Kind};

/// Lints that would speak of this test, and not of the code in it.
const NOT_ASKED: [&str; 2] = [
    // Each case is offered every crate.
    "unused-crate-dependencies",
    // The linker's own words.
    "linker-messages",
];

/// The crates that a case may name.
const CRATES: [&str; 9] = [
    "async_stream",
    "async_trait",
    "culpa",
    "maybe_async",
    "memprobe",
    "mockall",
    "pollster",
    "tokio",
    "tracing",
];

/// Ready to compile cases.
#[derive(Debug)]
pub struct Compiler {
    driver: PathBuf,
    lints: Vec<String>,
    crates: BTreeMap<String, PathBuf>,
    out: PathBuf,
}

/// What the compiler said, and what the program did.
#[derive(Debug)]
pub struct Compiled {
    /// There was no error.
    pub compiles: bool,
    /// Errors and warnings.
    pub diagnostics: Vec<Diagnostic>,
    /// What people read of them.
    pub rendered: String,
    /// Standard output and exit status, if it was run.
    pub ran: Option<(String, String)>,
}

/// One error or warning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// `error`, `warning`.
    pub level: String,
    /// `E0308`, the name of a lint, or nothing.
    pub code: String,
    /// What it says and advises, without digits: sizes differ. Not in errors with a code, which
    /// say "async function" or "async block".
    pub message: String,
    /// Where it points.
    pub places: Vec<String>,
}

impl Compiler {
    /// Builds the crates; `enabled` says whether memprobe is compiled in.
    ///
    /// # Panics
    ///
    /// If the toolchain has no clippy, or memprobe does not build.
    #[must_use]
    pub fn new(enabled: bool) -> Compiler {
        let sysroot = stdout(Command::new("rustc").args(["--print", "sysroot"]));
        let driver = Path::new(sysroot.trim()).join("bin/clippy-driver");
        assert!(driver.exists(), "the component `clippy` is needed");
        let lints = stdout(Command::new(&driver).args(["-W", "help"]))
            .lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                let name = words.next()?;
                let is_off = words.next() == Some("allow");
                (is_off && !NOT_ASKED.contains(&name)).then(|| name.to_owned())
            })
            .collect();
        let id = std::process::id();
        let out = env::temp_dir().join(format!("memprobe-ui-{id}-{enabled}"));
        fs::create_dir_all(&out).expect("a directory for what is compiled");
        Compiler { driver, lints, crates: build(enabled), out }
    }

    /// Compiles a case; `run` says whether a program is also run, `lint` whether all lints
    /// are asked. Files of the same `version` overwrite each other.
    ///
    /// # Panics
    ///
    /// If the compiler cannot be started or speaks another language.
    #[must_use]
    pub fn compile(&self, case: &Case, version: &str, lint: bool, run: bool) -> Compiled {
        let run = run && case.kind != Kind::Lib;
        let dir = self.out.join(&case.name).join(version);
        fs::create_dir_all(&dir).expect("a directory of its own");
        // The same name for all: it stands in messages and in `file!()`.
        fs::write(dir.join("case.rs"), &case.text).expect("a writable directory");
        let mut command = Command::new(&self.driver);
        command.current_dir(&dir).arg("case.rs");
        command.args(["--error-format=json", "--edition", &case.edition]);
        if lint {
            command.args(self.lints.iter().map(|lint| format!("-W{lint}")));
            // About the `Cargo.toml`, which no case has.
            command.arg("-Aclippy::cargo");
        } else {
            command.arg("-Aclippy::all");
        }
        match case.kind {
            Kind::Lib => command.arg("--crate-type=lib"),
            Kind::Bin => command.arg("--crate-type=bin"),
            Kind::Test => command.arg("--test"),
        };
        command.arg(if run { "--emit=link=program" } else { "--emit=metadata=case.rmeta" });
        command.args(&case.flags);
        if case.nightly {
            // Stable compilers know the unstable features, and only hide them.
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        self.link(&mut command, case, &dir);
        let output = command.output().expect("a compiler that starts");
        let messages: Vec<Value> = String::from_utf8_lossy(&output.stderr)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
            .filter(|message| !is_summary(message))
            .collect();
        let rendered = messages.iter().filter_map(|message| message["rendered"].as_str());
        let rendered = rendered.map(without_our_lines);
        let diagnostics = messages.iter().map(Diagnostic::new).collect();
        let compiles = output.status.success();
        let ran = (run && compiles).then(|| run_program(&dir.join("program"), case.kind));
        Compiled { compiles, rendered: rendered.collect(), diagnostics, ran }
    }

    fn link(&self, command: &mut Command, case: &Case, dir: &Path) {
        let search = self.crates["memprobe"].parent().expect("in a directory").display();
        let crates = |command: &mut Command, leave_out: bool| {
            command.arg(format!("-Ldependency={search}"));
            for (name, path) in &self.crates {
                let ours = name == "memprobe";
                let name = case.rename.as_ref().filter(|_| ours).unwrap_or(name);
                if !(ours && leave_out) {
                    command.arg(format!("--extern={name}={}", path.display()));
                }
            }
        };
        crates(command, case.facade.is_some());
        if let Some(facade) = &case.facade {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("cases/aux/{facade}.rs"));
            let library = dir.join(format!("lib{facade}.rlib"));
            let mut rustc = Command::new(&self.driver);
            rustc.args(["--crate-type=lib", "--edition=2024"]).arg(file).arg("-o").arg(&library);
            crates(&mut rustc, false);
            stdout(&mut rustc);
            command.arg(format!("--extern={facade}={}", library.display()));
        }
    }
}

impl Drop for Compiler {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.out);
    }
}

/// What rustc calls itself.
///
/// # Panics
///
/// If it cannot be started.
#[must_use]
pub fn version() -> String {
    stdout(Command::new("rustc").arg("--version"))
}

/// The files of the crates for the cases.
fn build(enabled: bool) -> BTreeMap<String, PathBuf> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.args(["build", "--lib", "--message-format=json"]);
    if !enabled {
        cargo.arg("--no-default-features");
    }
    let messages = stdout(&mut cargo);
    messages
        .lines()
        .filter_map(|line| {
            let message: Value = serde_json::from_str(line).ok()?;
            let name = message["target"]["name"].as_str()?;
            let file = message["filenames"].get(0)?.as_str()?;
            CRATES.contains(&name).then(|| (name.to_owned(), PathBuf::from(file)))
        })
        .collect()
}

fn stdout(command: &mut Command) -> String {
    let output = command.output().expect("a tool that starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed:\n{said}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn run_program(program: &Path, kind: Kind) -> (String, String) {
    let args: &[&str] = if kind == Kind::Test { &["--test-threads=1"] } else { &[] };
    let output = Command::new(program)
        .args(args)
        .stderr(Stdio::null())
        .output()
        .expect("a program that starts");
    let text = String::from_utf8_lossy(&output.stdout);
    // A test harness tells the time.
    let lines = text.lines().map(|line| line.split("; finished in").next().unwrap_or_default());
    (lines.collect::<Vec<_>>().join("\n"), output.status.to_string())
}

/// Leaves out where in memprobe something stands, which changes with every change of it.
fn without_our_lines(said: &str) -> String {
    let line = |line: &str| match line.split_once("--> memprobe/src/") {
        Some((arrow, place)) => {
            let file = place.split(':').next().unwrap_or_default();
            format!("{arrow}--> memprobe/src/{file}\n")
        }
        None => format!("{line}\n"),
    };
    said.lines().map(line).collect()
}

/// "aborting due to", "2 warnings emitted", "for more information": about the others.
fn is_summary(message: &Value) -> bool {
    let is_bare = message["spans"].as_array().is_none_or(Vec::is_empty);
    let said = message["message"].as_str().unwrap_or_default();
    let is_error = message["level"] == "error" && !said.starts_with("aborting due to");
    is_bare && message["code"].is_null() && !is_error
}

impl Compiled {
    /// What people read of the errors.
    #[must_use]
    pub fn errors(&self) -> String {
        let all = self.rendered.split("\n\n").filter(|said| said.starts_with("error"));
        all.collect::<Vec<_>>().join("\n\n")
    }
}

impl Diagnostic {
    fn new(message: &Value) -> Diagnostic {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let level = text(&message["level"]);
        let code = text(&message["code"]["code"]);
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let mut places: Vec<String> = list(&message["spans"])
            .iter()
            .filter(|span| span["is_primary"] == true)
            .map(place)
            .collect();
        places.sort();
        let mut words = vec![text(&message["message"])];
        let children = list(&message["children"]);
        let helps = children.iter().filter(|child| child["level"] == "help");
        words.extend(helps.map(|help| text(&help["message"])));
        let says = level != "error" || code.is_empty();
        let message = if says { words.join("; ") } else { String::new() };
        let message = message.replace(|char: char| char.is_ascii_digit(), "");
        Diagnostic { level, code, message, places }
    }
}

fn place(span: &Value) -> String {
    let number = |key: &str| span[key].as_u64().unwrap_or_default();
    format!(
        "{}:{}:{}-{}:{}",
        span["file_name"].as_str().unwrap_or_default(),
        number("line_start"),
        number("column_start"),
        number("line_end"),
        number("column_end"),
    )
}
