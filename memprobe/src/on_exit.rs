//! The report at the end of `main`.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use crate::gather::report;
use crate::report::Report;

/// Where the report goes, and in which form.
const VARIABLE: &str = "MEMPROBE_REPORT";

/// Prints the report to stderr when the guard that it gives is dropped: at the end of `main`.
///
/// ```
/// // The first line of `main`.
/// let _report = memprobe::report_on_exit();
/// ```
///
/// The environment variable `MEMPROBE_REPORT` sends it elsewhere:
///
/// | | |
/// |---|---|
/// | `off` | nowhere |
/// | *path*`.html` | a page, with the feature `html` |
/// | *path*`.json` | raw numbers, with the feature `json` |
/// | *path*`.folded` | folded stacks |
///
/// What goes wrong is said in one line on stderr, followed by the report.
///
/// A program that ends otherwise than by the end of `main`, by `std::process::exit` or by a
/// signal, does not drop the guard: drop it, or print [`report()`](crate::report()), before.
pub fn report_on_exit() -> ReportOnExit {
    ReportOnExit { passed: passed(&report()) }
}

/// Reports when it is dropped; see [`report_on_exit`].
#[derive(Debug)]
#[must_use = "it reports when it is dropped; keep it to the end of `main`: \
              `let _report = memprobe::report_on_exit();`"]
pub struct ReportOnExit {
    /// Segments that had been passed when the guard was made.
    passed: u64,
}

fn passed(report: &Report) -> u64 {
    report.functions.iter().flat_map(|function| &function.segments).map(|one| one.count).sum()
}

impl Drop for ReportOnExit {
    fn drop(&mut self) {
        let report = report();
        if passed(&report) == self.passed {
            say(&format_args!(
                "no annotated function has ended while the guard of `report_on_exit` lived; keep \
                 it to the end of `main`, as in `let _report = memprobe::report_on_exit();`"
            ));
            if report.functions.is_empty() {
                return;
            }
        }
        match Destination::of(env::var_os(VARIABLE)) {
            Ok(Destination::Off) => {}
            Ok(Destination::Stderr) => print(&report),
            Ok(Destination::File(path, form)) => match save(&report, &path, form) {
                Ok(()) => say(&format_args!("the report is in {}", path.display())),
                Err(error) => {
                    say(&format_args!("the report is not in {}: {error}", path.display()));
                    print(&report);
                }
            },
            Err(why) => {
                say(&why);
                print(&report);
            }
        }
    }
}

/// A line on stderr, which may be closed.
fn say(text: &dyn Display) {
    let _ = writeln!(io::stderr(), "memprobe: {text}");
}

fn print(report: &Report) {
    let text = if is_colored() { colored(report) } else { report.to_string() };
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Whether stderr is a terminal that shows colour, and its user wants it.
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

fn save(report: &Report, path: &Path, form: Form) -> io::Result<()> {
    let mut written = Vec::new();
    form(report, &mut written)?;
    std::fs::write(path, written)
}

type Form = fn(&Report, &mut Vec<u8>) -> io::Result<()>;

/// What the variable asks for.
enum Destination {
    Stderr,
    Off,
    File(PathBuf, Form),
}

impl Destination {
    fn of(value: Option<OsString>) -> Result<Destination, String> {
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            return Ok(Destination::Stderr);
        };
        if value == "off" {
            return Ok(Destination::Off);
        }
        let path = PathBuf::from(value);
        let ending = path.extension().and_then(OsStr::to_str).unwrap_or("").to_ascii_lowercase();
        let (feature, form) = match &*ending {
            "html" => ("html", HTML),
            "json" => ("json", JSON),
            "folded" => ("", Some::<Form>(|report, out| report.write_folded(out))),
            _ => {
                return Err(format!(
                    "{VARIABLE}={} is neither `off` nor a path that ends in .html, .json or \
                     .folded",
                    path.display()
                ));
            }
        };
        match form {
            Some(form) => Ok(Destination::File(path, form)),
            None => Err(format!(
                "{VARIABLE}={} needs memprobe's feature `{feature}`: add it beside `enabled`",
                path.display()
            )),
        }
    }
}

#[cfg(feature = "html")]
const HTML: Option<Form> = Some(|report, out| report.write_html(out));
#[cfg(not(feature = "html"))]
const HTML: Option<Form> = None;

#[cfg(feature = "json")]
const JSON: Option<Form> = Some(|report, out| report.write_json(out));
#[cfg(not(feature = "json"))]
const JSON: Option<Form> = None;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> Result<Destination, String> {
        Destination::of(Some(value.into()))
    }

    #[test]
    fn the_variable_says_where_and_how() {
        assert!(matches!(Destination::of(None), Ok(Destination::Stderr)));
        assert!(matches!(of(""), Ok(Destination::Stderr)));
        assert!(matches!(of("off"), Ok(Destination::Off)));
        assert!(matches!(of("a/b.folded"), Ok(Destination::File(..))));
        assert!(matches!(of("B.FOLDED"), Ok(Destination::File(..))));
        for (path, is_there) in
            [("a.html", cfg!(feature = "html")), ("a.json", cfg!(feature = "json"))]
        {
            match of(path) {
                Ok(Destination::File(..)) => assert!(is_there),
                Err(why) => assert!(!is_there && why.contains("needs memprobe's feature"), "{why}"),
                Ok(_) => panic!("{path}"),
            }
        }
        for wrong in ["report", "report.txt", ".html", "off.", "on"] {
            let Err(why) = of(wrong) else { panic!("{wrong}") };
            assert!(why.contains(".html, .json or .folded"), "{why}");
        }
    }
}
