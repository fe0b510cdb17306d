//! `memprobe diff` as it is run: what it prints, and what it exits with.

mod common;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{errors, log, path, run, shown, text};
use serde_json::Value;

/// Writes two runs, of which the latter needs more in `parse`.
fn two_runs(folder: &Path) -> (String, String) {
    let before = log("json.log");
    let more = |line: &str| {
        let is_parse = line.contains("\"exit\"") && line.contains("program::parse");
        if !is_parse {
            return line.to_owned();
        }
        let mut value: Value = serde_json::from_str(line).expect("JSON");
        let peak = value["fields"]["call_peak"].as_u64().expect("bytes");
        value["fields"]["call_peak"] = (peak * 3 / 2).into();
        value.to_string()
    };
    let after: String = before.lines().map(|line| more(line) + "\n").collect();
    let (a, b) = (folder.join("a.log"), folder.join("b.log"));
    std::fs::write(&a, before).expect("a file");
    std::fs::write(&b, after).expect("a file");
    (shown(&a).to_owned(), shown(&b).to_owned())
}

#[test]
fn a_difference_is_told_and_its_exit_status_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let (before, after) = two_runs(folder.path());
    let output = run(&["diff", &before, &after]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let shown = text(&output);
    let first = shown.lines().nth(3).expect("a change");
    assert!(first.starts_with("parse ") && first.contains("+50.0%"), "{shown}");
    let output = run(&["diff", "--fail-over", "10%", &before, &after]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(errors(&output).contains("program::parse: peak has grown by 50.0 %"), "{output:?}");
    let output = run(&["diff", "--fail-over", "60%", &before, &after]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    // It needs less: that is no failure.
    let output = run(&["diff", "--fail-over", "10%", &after, &before]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let markdown = text(&run(&["diff", "--markdown", &before, &after]));
    assert!(markdown.contains("| `program::parse` | peak | "), "{markdown}");
}

#[test]
fn saved_reports_are_compared_like_their_logs() {
    let folder = tempfile::tempdir().expect("a folder");
    let (before, after) = two_runs(folder.path());
    let of_logs = text(&run(&["diff", "--json", &before, &after]));
    let saved = folder.path().join("a.json");
    std::fs::write(&saved, run(&["report", "--json", &before]).stdout).expect("a file");
    let of_report = text(&run(&["diff", "--json", shown(&saved), &after]));
    assert_eq!(of_report, of_logs);
}

#[test]
fn what_cannot_be_compared_is_status_2_with_the_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let (before, _) = two_runs(folder.path());
    let other = folder.path().join("other.log");
    std::fs::write(
        &other,
        log("json.log").replace("program::", "another::").replace("the user's", "x"),
    )
    .expect("a file");
    let output = run(&["diff", &before, shown(&other)]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(errors(&output).contains("cannot compare: no function is in both"), "{output:?}");
    std::fs::write(&other, "nothing\n").expect("a file");
    let output = run(&["diff", &before, shown(&other)]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(
        errors(&output).contains("nothing of memprobe's in 1 lines. Expected were"),
        "{output:?}"
    );
    let output = run(&["diff", &before, "/nowhere.log"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(errors(&output).contains("/nowhere.log: No such file"), "{output:?}");
}

/// A log whose calls and process have ended, and the same with a call that was killed.
fn killed_run(folder: &Path) -> (String, String) {
    let log = log("full.log");
    let (ended, killed) = (folder.join("ended.log"), folder.join("killed.log"));
    let lines = log.lines().filter(|line| !line.contains("open_at_the_end"));
    std::fs::write(&ended, lines.collect::<Vec<_>>().join("\n")).expect("a file");
    std::fs::write(&killed, format!("{log}Error: signal: killed\n")).expect("a file");
    (shown(&ended).to_owned(), shown(&killed).to_owned())
}

#[test]
fn a_run_that_was_killed_is_said_to_be_and_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ended, killed) = killed_run(folder.path());
    let saved = folder.path().join("killed.json");
    std::fs::write(&saved, run(&["report", "--json", &killed]).stdout).expect("a file");
    for after in [&*killed, shown(&saved)] {
        let output = run(&["diff", "--fail-over", "10%", &ended, after]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = "the run after was killed (signal: killed); has calls that never ended: \
                    open_at_the_end";
        assert!(errors(&output).contains(said), "{output:?}");
        // What never ended has no figures that could be compared, and no peak of 0.
        let text = text(&output);
        assert!(text.starts_with(said) && !text.contains("only"), "{text}");
    }
    let output = run(&["diff", "--fail-over", "10%", &killed, &ended]);
    assert_eq!(output.status.code(), Some(0), "the run before was killed: {output:?}");
    // Whoever reads the output may end before all is written.
    let mut child = Command::new(env!("CARGO_BIN_EXE_memprobe"))
        .args(["diff", "--fail-over", "10%", &ended, &killed])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
}

#[test]
fn a_saved_report_is_asked_as_its_log_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let (before, after) = two_runs(folder.path());
    let mut saved = Vec::new();
    for (at, log) in [&before, &after].into_iter().enumerate() {
        let file = folder.path().join(format!("{at}.json"));
        std::fs::write(&file, run(&["report", "--json", log]).stdout).expect("a file");
        saved.push(shown(&file).to_owned());
    }
    let of = |files: &[String], options: &[&str]| {
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        run(&[&["diff"], options, &files].concat())
    };
    let output = of(&saved, &["--function", "parse"]);
    assert_eq!(text(&output), text(&of(&[before.clone(), after], &["--function", "parse"])));
    let output = of(&saved, &["--function", "nowhere"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let output = of(&saved, &["--since", "2026-11-25T14:00:00Z"]);
    assert!(errors(&output).contains("a saved report has no times"), "{output:?}");
    let several = folder.path().join("several.json");
    let output = run(&["report", "--json", "--by", "process", &before, shown(&path("full.log"))]);
    std::fs::write(&several, output.stdout).expect("a file");
    let output = of(&[shown(&several).to_owned(), before], &[]);
    assert!(errors(&output).contains("several reports; write it without `--by`"), "{output:?}");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn one_of_the_two_may_come_through_a_pipe() {
    let folder = tempfile::tempdir().expect("a folder");
    let (before, after) = two_runs(folder.path());
    let expected = text(&run(&["diff", &before, &after]));
    let report = run(&["report", "--json", &after]).stdout;
    for piped in [std::fs::read(&after).expect("a log"), report] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_memprobe"))
            .args(["diff", &before, "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        child.stdin.take().expect("piped").write_all(&piped).expect("a pipe");
        assert_eq!(text(&child.wait_with_output().expect("it ends")), expected);
    }
    assert!(errors(&run(&["diff", "-", "-"])).contains("only one of the two"));
}
