//! Limits of real cgroups: one that changes under the process, and what stands against one.
//! Skipped, with the reason, where no cgroup can be made.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Output;

use memprobe_tests::cgroup::Cgroup;
use memprobe_tests::watch_line;
use serde_json::Value;

const VICTIM: &str = env!("CARGO_BIN_EXE_victim");
const MIB: u64 = 1 << 20;
const NONE: u64 = i64::MAX as u64;

/// A group with this limit; `None`, and a reason, where there can be none.
fn group(limit: u64) -> Option<Cgroup> {
    let skipped = |why| writeln!(io::stderr(), "SKIPPED {limit}: {why}");
    Cgroup::new(limit).map_err(skipped).ok()
}

/// Runs a victim that grows by so many MiB, or until it is killed, after its limit has become
/// another.
fn changed(from: u64, to: u64, mib: usize) -> Option<Output> {
    let group = group(from)?;
    let change = |_| group.set_limit(to).expect("another limit");
    Some(group.run_and_change(VICTIM, &["changed", &mib.to_string()], change))
}

/// The events of memprobe among the lines of stdout, and the other lines.
fn events(output: &Output) -> (Vec<Value>, Vec<&str>) {
    let stdout = std::str::from_utf8(&output.stdout).expect("text");
    let (events, others): (Vec<&str>, Vec<&str>) =
        stdout.lines().partition(|line| line.starts_with('{'));
    let event = |line| serde_json::from_str::<Value>(line).expect("JSON")["fields"].clone();
    (events.into_iter().map(event).collect(), others)
}

#[test]
fn under_a_lowered_limit_the_line_is_there_before_the_kill() {
    for from in [256 * MIB, 16 << 30, NONE] {
        let Some(output) = changed(from, 64 * MIB, 0) else { return };
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(9), "it is killed: {output:?}");
        let lines = watch_line::lines(&output.stderr);
        let thresholds: Vec<&str> = lines.iter().map(|line| line.get("threshold")).collect();
        assert!(thresholds.starts_with(&["80%", "90%", "95%"]), "{stderr}");
        assert!(thresholds[3..].iter().all(|threshold| *threshold == "95%"), "its steps: {stderr}");
        assert!(lines.iter().all(|line| line.get("limit") == "64.0MiB"), "{stderr}");
        let was = match from {
            NONE => "none",
            from if from == 256 * MIB => "256.0MiB",
            _ => "16.00GiB",
        };
        let said: Vec<&str> = lines.iter().map(|line| line.get("limit_was")).collect();
        assert_eq!(said[0], was, "{stderr}");
        assert!(said[1..].iter().all(|was| was.is_empty()), "once: {stderr}");
        let (events, _) = events(&output);
        assert_eq!(events[0]["limit"], 64 * MIB, "{events:?}");
    }
}

#[test]
fn under_a_raised_limit_nothing_is_said_of_the_old_one() {
    let Some(output) = changed(64 * MIB, 256 * MIB, 100) else { return };
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let (found, others) = events(&output);
    for event in &found {
        assert_eq!(event["limit"], 256 * MIB, "{event}");
    }
    let now = format!("Some({})", 256 * MIB);
    assert_eq!(others, [&now, &now], "process() and status()");

    let Some(output) = changed(64 * MIB, 256 * MIB, 0) else { return };
    assert_eq!(output.status.signal(), Some(9), "it is killed: {output:?}");
    let lines = watch_line::lines(&output.stderr);
    let [first, ..] = &lines[..] else { panic!("no line: {output:?}") };
    let limits = (first.get("threshold"), first.get("limit"), first.get("limit_was"));
    assert_eq!(limits, ("80%", "256.0MiB", "64.0MiB"), "{first:?}");

    let Some(output) = changed(64 * MIB, NONE, 100) else { return };
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let (found, others) = events(&output);
    assert!(found.iter().all(|event| event.get("limit").is_none()), "{found:?}");
    assert_eq!(others, ["None", "None"]);
}

#[test]
fn a_process_that_is_moved_has_the_limit_of_where_it_is() {
    let (Some(before), Some(after)) = (group(256 * MIB), group(64 * MIB)) else { return };
    let change = |process| after.take(process).expect("moved");
    let output = before.run_and_change(VICTIM, &["changed", "0"], change);
    assert_eq!(output.status.signal(), Some(9), "it is killed: {output:?}");
    let lines = watch_line::lines(&output.stderr);
    let last = lines.last().unwrap_or_else(|| panic!("no line: {output:?}"));
    assert_eq!((last.get("threshold"), last.get("limit")), ("95%", "64.0MiB"), "{last:?}");
}

/// A percentage that is followed by what closes it.
fn percentages(text: &str) -> Vec<u64> {
    let before = text.match_indices('%').map(|(at, _)| &text[..at]);
    let digits = before.map(|text| text.rsplit(|char: char| !char.is_ascii_digit()).next());
    digits.filter_map(|digits| digits?.parse().ok()).collect()
}

#[test]
fn no_view_says_more_than_a_hundred_percent_where_rss_is_above_the_limit() {
    let Some(group) = group(128 * MIB) else { return };
    // This process writes the file: its pages are in the victim's RSS, and not in its group.
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mapped");
    fs::write(&file, vec![1; 64 << 20]).expect("a file");
    let output = group.run(VICTIM, &["mapped", file.to_str().expect("text")]);
    fs::remove_file(&file).expect("the file");
    assert!(output.status.success(), "{output:?}");
    let (events, _) = events(&output);
    let bytes = |event: &Value, name: &str| event[name].as_u64();
    assert!(events.len() >= 3, "{events:?}");
    let above = |event: &&Value| bytes(event, "rss") > Some(128 * MIB);
    let held = events.iter().find(above).expect("RSS is above the limit");
    let usage = bytes(held, "cgroup").expect("the first readings are in the budget");
    assert!((80 * MIB..100 * MIB).contains(&usage), "{held}");
    let message = held["message"].as_str().expect("text");
    assert!(message.contains("), cgroup ") && message.contains(" of 128.0 MiB ("), "{message}");
    for event in &events {
        let message = event["message"].as_str().expect("text");
        assert!(message.len() <= 140, "{message}");
        assert!(percentages(message).iter().all(|&percent| percent <= 100), "{message}");
    }

    let stderr = String::from_utf8(output.stderr).expect("text");
    let start = stderr.find("{\n").expect("JSON");
    let (json, text) = stderr[start..].split_once("\n}\n").expect("the end of JSON");
    let report: Value = serde_json::from_str(&format!("{json}\n}}")).expect("JSON");
    let process = &report["process"];
    let highest = bytes(process, "peak_used").expect("a figure");
    assert!((80 * MIB..=128 * MIB).contains(&highest), "{process}");
    assert_eq!(process["peak_used"], process["cgroup_usage_max"]);
    assert_eq!(process["used"], process["cgroup_usage"]);
    assert!(bytes(process, "peak_rss") > Some(140 * MIB), "{process}");

    let line = text.lines().find(|line| line.starts_with("process ")).expect("a line");
    let of_limit = percentages(line);
    let percent = |name: &str| bytes(process, name).expect(name) * 100 / (128 * MIB);
    assert_eq!(of_limit, [percent("used"), percent("peak_used")], "{line}");
    let page = format!("{}%", percent("peak_used"));
    assert!(text.contains(&format!("<p class=\"big\">{page}</p>")), "the page says {page}");
    assert_eq!(text.matches("highest RSS").count(), 1, "one highest RSS on the page");
}
