//! The report lies in a file while the program runs, whole at any time, also after a kill.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// An empty directory for the files of a test.
fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report_every").join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a directory");
    path
}

/// A program that runs until it is killed, also where the test fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program(path: &Path, what: Option<&str>) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_reports_every"));
    program.arg(path).args(what).stdout(Stdio::null());
    program
}

/// What it says on stderr until it has ended well.
fn said(path: &Path, what: &str) -> String {
    let output = program(path, Some(what)).output().expect("it starts");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).expect("text")
}

fn calls(report: &Value) -> u64 {
    assert_eq!(report["functions"][0]["name"], "work", "{report}");
    let calls = report["functions"][0]["outcomes"]["returned"].as_u64().expect("a number");
    // A call may be counted between the two.
    let allocated = report["functions"][0]["figures"]["allocated"].as_u64().expect("a number");
    assert_eq!(allocated % (1 << 16), 0, "nothing of the report is in it");
    calls
}

fn files(directory: &Path) -> Vec<String> {
    let files = fs::read_dir(directory).expect("a directory");
    files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_reader_finds_a_whole_report_and_so_does_who_comes_after_the_kill() {
    let path = directory("killed").join("report.json");
    let mut running = Running(program(&path, None).spawn().expect("it starts"));
    let read = || serde_json::from_slice::<Value>(&fs::read(&path).ok()?).map(Some).transpose();
    // Of some reports, by their numbers of calls; each reading must be a whole one.
    let mut seen = Vec::new();
    while seen.len() < 20 {
        assert!(running.0.try_wait().expect("a child").is_none(), "it runs until it is killed");
        let Some(report) = read() else {
            std::thread::yield_now();
            continue;
        };
        let calls = calls(&report.expect("a whole report"));
        if seen.last() != Some(&calls) {
            assert!(seen.last() < Some(&calls), "newer ones follow");
            seen.push(calls);
        }
    }
    running.0.kill().expect("SIGKILL");
    assert!(!running.0.wait().expect("a child").success());
    let last = read().expect("a report").expect("a whole report");
    assert!(Some(&calls(&last)) >= seen.last());
}

#[test]
fn the_last_report_is_written_when_the_guard_is_dropped() {
    for ending in ["json", "html", "folded"] {
        let directory = directory(ending);
        let path = directory.join(format!("report.{ending}"));
        assert_eq!(said(&path, "ends"), "");
        assert_eq!(files(&directory), [format!("report.{ending}")], "nothing lies beside it");
        let text = fs::read_to_string(&path).expect("a report");
        match ending {
            "json" => {
                assert_eq!(calls(&serde_json::from_str(&text).expect("JSON")), 1000);
            }
            "html" => assert!(text.starts_with("<!DOCTYPE html>"), "{text}"),
            _ => assert!(text.starts_with("work;") || text.starts_with("work "), "{text}"),
        }
    }
}

#[test]
fn what_goes_wrong_is_said_once_and_the_program_goes_on() {
    let directory = directory("wrong");
    let path = directory.join("report.txt");
    assert_eq!(
        said(&path, "ends later"),
        format!(
            "memprobe: no report will be in {}: it does not end in .html, .json or .folded\n",
            path.display()
        )
    );
    let path = directory.join("missing").join("report.json");
    let said_of_missing = said(&path, "ends later");
    assert_eq!(said_of_missing.lines().count(), 1, "once for all of them: {said_of_missing}");
    let start = format!("memprobe: the report is not in {}: No such file", path.display());
    assert!(said_of_missing.starts_with(&start), "{said_of_missing}");
    // A directory stands where the file should: what was written beside it is taken away.
    let path = directory.join("taken.json");
    fs::create_dir(&path).expect("a directory");
    assert_eq!(said(&path, "ends later").lines().count(), 1);
    assert_eq!(files(&directory), ["taken.json"]);
}

#[test]
fn in_a_forked_child_the_guard_does_nothing() {
    let directory = directory("forked");
    let path = directory.join("report.json");
    assert_eq!(said(&path, "forks"), "");
    assert_eq!(files(&directory), ["report.json"]);
    let report = serde_json::from_slice(&fs::read(&path).expect("the parent's")).expect("JSON");
    assert_eq!(calls(&report), 1);
}
