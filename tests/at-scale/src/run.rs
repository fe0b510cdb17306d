//! Builds one copy with its tests, runs them, and keeps what came out.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::crates::Crate;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A warning or an error of the compiler. The column is not in it: the attribute moves it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    pub is_error: bool,
    pub target: String,
    pub place: String,
    /// The lint, or the code of the error.
    pub code: String,
    pub text: String,
}

/// All that came out of one copy.
#[derive(Default)]
pub struct Side {
    pub build: Build,
    pub tests: Tests,
}

#[derive(Default)]
pub struct Build {
    pub compiles: bool,
    /// With how often each was given.
    pub diagnostics: BTreeMap<Diagnostic, usize>,
    /// Source files that the compiler read.
    pub sources: BTreeSet<PathBuf>,
    /// All of it as text.
    pub said: String,
}

#[derive(Default)]
pub struct Tests {
    /// What was run, the test in it, and the result.
    pub results: BTreeMap<(String, String), String>,
    /// Whether cargo was content with all of it.
    pub success: bool,
    /// What the tests took by their own account; doctests with their compilation.
    pub seconds: f64,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Diagnostic { target, place, code, text, .. } = self;
        write!(f, "{code}, {target}, {place}: {text}")
    }
}

impl Build {
    /// What to say of a build that failed.
    pub fn first_error(&self) -> &str {
        self.said.lines().find(|line| line.starts_with("error")).unwrap_or("see the logs")
    }

    pub fn warnings(&self) -> usize {
        self.diagnostics.values().sum()
    }
}

impl Tests {
    pub fn passed(&self) -> usize {
        self.results.values().filter(|result| *result == "ok").count()
    }
}

/// Cargo for one copy.
pub struct Copy<'a> {
    pub krate: &'a Crate,
    pub root: &'a Path,
    /// Shared by all crates: what they depend on is built once.
    pub target: &'a Path,
    /// The lints to turn on, as flags of the compiler.
    pub lints: &'a [String],
}

impl Copy<'_> {
    fn cargo(&self, command: &str) -> Command {
        let mut cargo = Command::new(crate::cargo());
        cargo
            .arg(command)
            .args(self.krate.features)
            .current_dir(self.root)
            .env("CARGO_TARGET_DIR", self.target)
            .env("CARGO_INCREMENTAL", "0")
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            // Some suites make hundreds of millions of calls; without any inlining each takes
            // ten times as long. Debug assertions and overflow checks stay.
            .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1")
            .env("CARGO_TERM_COLOR", "never")
            // A crate that denies a lint must still compile: a warning that it has in one
            // copy only is a difference and not the end.
            .env("RUSTFLAGS", format!("--cap-lints=warn {}", self.lints.join(" ")));
        cargo
    }

    /// Builds the library, its tests and its examples.
    pub fn build(&self) -> Result<Build> {
        let mut cargo = self.cargo("test");
        cargo.args(["--no-run", "--message-format=json"]);
        self.messages(cargo)
    }

    fn messages(&self, mut cargo: Command) -> Result<Build> {
        let output = cargo.stdin(Stdio::null()).output()?;
        let mut build = Build { compiles: output.status.success(), ..Build::default() };
        build.said = String::from_utf8_lossy(&output.stderr).into_owned();
        for line in output.stdout.split(|&byte| byte == b'\n') {
            let Ok(message) = serde_json::from_slice::<Value>(line) else { continue };
            let ours = message["manifest_path"].as_str().map(Path::new)
                == Some(&self.root.join("Cargo.toml"));
            if message["reason"] == "compiler-message" {
                build.said += message["message"]["rendered"].as_str().unwrap_or_default();
            }
            if ours && message["reason"] == "compiler-message" {
                if let Some(diagnostic) = diagnostic(&message) {
                    *build.diagnostics.entry(diagnostic).or_default() += 1;
                }
            }
            if ours && message["reason"] == "compiler-artifact" {
                self.read_sources(&message, &mut build.sources)?;
            }
        }
        Ok(build)
    }

    /// The compiler leaves beside each output a list of the files that it was made from.
    fn read_sources(&self, artifact: &Value, sources: &mut BTreeSet<PathBuf>) -> Result<()> {
        let outputs = artifact["filenames"].as_array().into_iter().flatten();
        for output in outputs.filter_map(Value::as_str) {
            let output = Path::new(output);
            let stem = output.file_stem().unwrap_or_default().to_string_lossy();
            let stem = stem.strip_prefix("lib").unwrap_or(&stem);
            let Ok(list) = File::open(output.with_file_name(format!("{stem}.d"))) else { continue };
            for line in BufReader::new(list).lines() {
                // Each source has a line of its own, as a target without a rule.
                if let Some(source) = line?.strip_suffix(':') {
                    let source = Path::new(source);
                    let source = source.strip_prefix(self.root).unwrap_or(source);
                    sources.insert(source.to_owned());
                }
            }
        }
        Ok(())
    }

    /// Runs the tests, and leaves what they print in `log`.
    pub fn test(&self, log: &Path) -> Result<Tests> {
        let mut cargo = self.cargo("test");
        cargo.args(["--no-fail-fast", "--"]);
        for (test, _) in self.krate.skip {
            cargo.args(["--skip", test]);
        }
        // One file for both, so that the headings of cargo stay above the tests.
        let file = File::create(log)?;
        let status = cargo.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).status()?;
        let mut tests = Tests { success: status.success(), ..Tests::default() };
        let mut heading = String::new();
        for line in BufReader::new(File::open(log)?).split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            if let Some(title) = line.trim_start().strip_prefix("Running ") {
                // Without the path of the program, which has a hash in it.
                title.split(" (").next().unwrap_or(title).clone_into(&mut heading);
            } else if let Some(title) = line.trim_start().strip_prefix("Doc-tests ") {
                title.clone_into(&mut heading);
            } else if let Some((_, time)) = line.split_once("; finished in ") {
                tests.seconds += time.trim_end_matches('s').parse().unwrap_or(0.0);
            } else if let Some((test, result)) = result(&line) {
                tests.results.insert((heading.clone(), test.to_owned()), result.to_owned());
            }
        }
        Ok(tests)
    }
}

/// `test NAME ... RESULT`
fn result(line: &str) -> Option<(&str, &str)> {
    let (test, result) = line.strip_prefix("test ")?.split_once(" ... ")?;
    // A test that is passed over says why.
    let known = ["ok", "FAILED", "ignored"].into_iter().find(|known| result.starts_with(known))?;
    Some((test, known))
}

fn diagnostic(message: &Value) -> Option<Diagnostic> {
    let target = &message["target"];
    let kind = target["kind"][0].as_str()?;
    let message = &message["message"];
    let spans = message["spans"].as_array()?;
    // The closing count of all warnings has no place.
    let main = spans.iter().find(|span| span["is_primary"] == true)?;
    let place = format!("{}:{}", main["file_name"].as_str()?, main["line_start"]);
    let code = message["code"]["code"].as_str().or(message["level"].as_str())?;
    // `rustc -W help` names lints that only nightly compilers have.
    if code == "unknown_lints" {
        return None;
    }
    Some(Diagnostic {
        is_error: message["level"] == "error",
        target: format!("{kind} {}", target["name"].as_str()?),
        place,
        code: code.to_owned(),
        text: without_paths(message["message"].as_str()?),
    })
}

/// The compiler shows paths as short as they are unique, among the names of dependencies
/// too: memprobe's may make one longer.
fn without_paths(text: &str) -> String {
    let words = text.split("::").collect::<Vec<_>>();
    let (last, outer) = words.split_last().expect("a split gives one part at least");
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    outer.iter().map(|part| part.trim_end_matches(is_name)).chain([*last]).collect()
}

#[cfg(test)]
mod tests {
    use super::{result, without_paths};

    #[test]
    fn paths_are_cut_to_their_last_name() {
        assert_eq!(without_paths("trait `a::b_1::C<d::E>` is `F`"), "trait `C<E>` is `F`");
    }

    #[test]
    fn results_are_read_from_what_the_test_harness_prints() {
        assert_eq!(result("test a::b ... ok"), Some(("a::b", "ok")));
        let doc = "test src/lib.rs - f (line 3) ... ignored, too slow";
        assert_eq!(result(doc), Some(("src/lib.rs - f (line 3)", "ignored")));
        assert_eq!(result("test result: ok. 1 passed"), None);
    }
}
