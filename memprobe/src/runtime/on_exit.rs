//! Prints the report at the end of `main`.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use crate::report::Report;
use crate::report::form::{NoForm, form, save};
use crate::runtime::events::say::say;
use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::stats::gather::report;

/// The environment variable that says where the report goes, and in which form.
const VARIABLE: &str = "MEMPROBE_REPORT";

/// Returns a guard that prints the report to stderr when it is dropped, at the end of `main`.
///
/// The environment variable `MEMPROBE_REPORT` sends the report elsewhere:
///
/// | | |
/// |---|---|
/// | `off` | nowhere |
/// | *path*`.html` | a page, with the feature `html` |
/// | *path*`.json` | raw numbers, with the feature `json` |
/// | *path*`.folded` | folded stacks |
///
/// Several paths are separated by commas, as in `MEMPROBE_REPORT=report.html,report.json`; a path
/// that contains a comma cannot be given here.
///
/// An error is reported in one line on stderr, and the other paths are still written; then the
/// report is printed to stderr.
///
/// A program that is ended by `std::process::exit` or by a signal does not drop the guard. Drop it
/// or print [`report()`](crate::report()) before, or have [`report_every`](crate::report_every)
/// write the report while the program runs.
///
/// # Examples
///
/// ```
/// // The first line of `main`.
/// let _report = memprobe::report_on_exit();
/// ```
pub fn report_on_exit() -> ReportOnExit {
    let _ignored = IgnoreAllocs::begin();
    ReportOnExit { passed: passed(&report()) }
}

/// A guard that prints the report when it is dropped; see [`report_on_exit`].
#[derive(Debug)]
#[must_use = "it reports when it is dropped; keep it to the end of `main`: \
              `let _report = memprobe::report_on_exit();`"]
pub struct ReportOnExit {
    /// Number of passes of segments when the guard was created.
    passed: u64,
}

fn passed(report: &Report) -> u64 {
    report.functions.iter().flat_map(|function| &function.segments).map(|one| one.count).sum()
}

impl Drop for ReportOnExit {
    fn drop(&mut self) {
        let _ignored = IgnoreAllocs::begin();
        let report = report();
        if passed(&report) == self.passed {
            say(&format_args!(
                "no annotated function has ended while the guard of `report_on_exit` lived: \
                 either none was called, or the guard was dropped at once and must be kept to \
                 the end of `main`, as in `let _report = memprobe::report_on_exit();`"
            ));
            if report.functions.is_empty() {
                return;
            }
        }
        let destinations = Destination::all(env::var_os(VARIABLE));
        // Serves all of them, also after one that fails.
        let failed = destinations.iter().filter(|destination| !destination.serve(&report)).count();
        if failed > 0 {
            print(&report);
        }
    }
}

fn print(report: &Report) {
    let text = if is_colored() { colored(report) } else { report.to_string() };
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Whether stderr is a terminal that shows colour, and the user wants it.
fn is_colored() -> bool {
    let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
    io::stderr().is_terminal() && !is_set("NO_COLOR") && !is_dumb
}

#[cfg(feature = "color")]
fn colored(report: &Report) -> String {
    report.colored().to_string()
}

#[cfg(not(feature = "color"))]
fn colored(report: &Report) -> String {
    report.to_string()
}

/// A destination that the variable names.
#[derive(Debug, PartialEq, Eq)]
enum Destination {
    Stderr,
    Off,
    File(PathBuf),
}

impl Destination {
    fn all(value: Option<OsString>) -> Vec<Destination> {
        let value = value.unwrap_or_default();
        let items: Vec<&OsStr> = match value.to_str() {
            Some(text) => text.split(',').map(|item| OsStr::new(item.trim())).collect(),
            // Not UTF-8, so it cannot be split at commas.
            None => vec![&value],
        };
        let items = items.into_iter().filter(|item| !item.is_empty());
        let mut all: Vec<Destination> = items
            .map(|item| match item {
                item if item == "off" => Destination::Off,
                item => Destination::File(item.into()),
            })
            .collect();
        if all.is_empty() {
            all.push(Destination::Stderr);
        }
        all
    }

    /// Writes the report to the destination. Returns whether that worked, and reports on stderr why
    /// not.
    fn serve(&self, report: &Report) -> bool {
        let path = match self {
            Destination::Off => return true,
            Destination::Stderr => {
                print(report);
                return true;
            }
            Destination::File(path) => path,
        };
        let shown = path.display();
        match form(path).map(|form| save(report, path, form)) {
            Ok(Ok(())) => {
                say(&format_args!("the report is in {shown}"));
                return true;
            }
            Ok(Err(error)) => say(&format_args!("the report is not in {shown}: {error}")),
            Err(NoForm::Ending) => say(&format_args!(
                "{VARIABLE}={shown} is neither `off` nor a path that ends in .html, .json or .folded"
            )),
            Err(why) => say(&format_args!("{VARIABLE}={shown}: {why}")),
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_says_where() {
        let all = |value: &str| Destination::all(Some(value.into()));
        let file = |path: &str| Destination::File(path.into());
        assert_eq!(Destination::all(None), [Destination::Stderr]);
        assert_eq!(all(""), [Destination::Stderr]);
        assert_eq!(all(" , "), [Destination::Stderr]);
        assert_eq!(all("off"), [Destination::Off]);
        assert_eq!(all("a/b.folded"), [file("a/b.folded")]);
        assert_eq!(all("a.html,b c.json"), [file("a.html"), file("b c.json")]);
        assert_eq!(all("a.html, b.json,"), [file("a.html"), file("b.json")]);
        assert_eq!(all("on,off,a.json"), [file("on"), Destination::Off, file("a.json")]);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_not_text_is_one_path() {
        use std::os::unix::ffi::OsStringExt as _;
        let path = OsString::from_vec(b"a,\xff.json".to_vec());
        assert_eq!(Destination::all(Some(path.clone())), [Destination::File(path.into())]);
    }
}
