//! The report at the end of `main`: where it goes, and what is said when it cannot go there.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the tests of this file write.
fn path(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_file(&path);
    path
}

/// What a program says on stderr.
fn said(program: &str, report: Option<&Path>) -> String {
    let mut program = Command::new(program);
    match report {
        Some(report) => program.env("MEMPROBE_REPORT", report),
        None => program.env_remove("MEMPROBE_REPORT"),
    };
    let output = program.output().expect("it starts");
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout.is_empty(), "stdout is the program's own");
    String::from_utf8(output.stderr).expect("text")
}

const DEMO: &str = env!("CARGO_BIN_EXE_hot_spots");

/// Splits off a first line of memprobe's; the rest must be the whole report.
fn line_and_report(said: &str) -> &str {
    let (line, report) = said.split_once('\n').expect("a line");
    assert!(line.starts_with("memprobe: "), "{said}");
    assert!(report.starts_with("pressure  "), "the report is not lost: {said}");
    line
}

#[test]
fn it_is_printed_without_colour_where_stderr_is_no_terminal() {
    let said = said(DEMO, None);
    assert!(said.starts_with("pressure  "), "{said}");
    assert!(said.contains("hot_spots::handle"), "{said}");
    assert!(!said.contains('\x1b'), "{said}");
}

#[test]
fn off_is_silent() {
    assert_eq!(said(DEMO, Some(Path::new("off"))), "");
}

#[test]
fn the_ending_says_in_which_form() {
    for (ending, start) in [("html", "<!DOCTYPE html>"), ("json", "{\n"), ("folded", "hot_spots::")]
    {
        let path = path(&format!("on_exit.{ending}"));
        let said = said(DEMO, Some(&path));
        assert_eq!(said, format!("memprobe: the report is in {}\n", path.display()));
        let written = std::fs::read_to_string(&path).expect("it is written");
        assert!(written.starts_with(start), "{written}");
    }
}

#[test]
fn several_paths_stand_between_commas() {
    let (html, json) = (path("several.html"), path("several.json"));
    let list = format!("{}, {},", html.display(), json.display());
    let said_of_both = said(DEMO, Some(Path::new(&list)));
    assert_eq!(
        said_of_both.lines().collect::<Vec<_>>(),
        [html.clone(), json.clone()]
            .map(|path| format!("memprobe: the report is in {}", path.display()))
    );
    assert!(std::fs::read_to_string(&html).expect("it is written").starts_with("<!DOCTYPE html>"));
    assert!(std::fs::read_to_string(&json).expect("it is written").starts_with("{\n"));
}

#[test]
fn one_that_goes_wrong_loses_none_of_the_others() {
    let (nowhere, json) = (path("no such directory").join("a.html"), path("beside_wrong.json"));
    let list = format!("a.txt,{},{}", nowhere.display(), json.display());
    let said = said(DEMO, Some(Path::new(&list)));
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].contains("MEMPROBE_REPORT=a.txt is neither `off`"), "{said}");
    assert!(lines[1].contains(&format!("is not in {}", nowhere.display())), "{said}");
    assert_eq!(lines[2], format!("memprobe: the report is in {}", json.display()));
    assert!(lines[3].starts_with("pressure  "), "{said}");
    assert_eq!(said.matches("pressure  ").count(), 1, "once for all that fail: {said}");
    assert!(std::fs::read_to_string(&json).expect("it is written").starts_with("{\n"));
}

#[test]
fn what_goes_wrong_is_one_line_and_the_report() {
    let said_of_txt = said(DEMO, Some(Path::new("report.txt")));
    let line = line_and_report(&said_of_txt);
    assert!(line.contains("MEMPROBE_REPORT=report.txt is neither `off`"), "{line}");

    let nowhere = path("no such directory").join("report.json");
    let said_of_nowhere = said(DEMO, Some(&nowhere));
    let line = line_and_report(&said_of_nowhere);
    assert!(line.contains(&format!("{}: No such file", nowhere.display())), "{line}");
}

#[test]
fn a_full_disk_is_said() {
    let full = path("full.json");
    std::os::unix::fs::symlink("/dev/full", &full).expect("a link");
    let said_of_full = said(DEMO, Some(&full));
    let line = line_and_report(&said_of_full);
    assert!(line.contains("No space left on device"), "{line}");
}

#[test]
fn a_guard_that_is_dropped_at_once_says_so() {
    let never = path("never.json");
    let said = said(env!("CARGO_BIN_EXE_guard_at_once"), Some(&never));
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("`let _report = memprobe::report_on_exit();`"), "{said}");
    assert!(!never.exists());
}
