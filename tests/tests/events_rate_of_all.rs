//! `MEMPROBE_RATE`: how many calls all functions write together, and none; the totals count all.

use std::process::{Command, Output};

fn run(rate: Option<&str>) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_rated"));
    match rate {
        Some(rate) => program.env("MEMPROBE_RATE", rate),
        None => program.env_remove("MEMPROBE_RATE"),
    };
    let output = program.output().expect("it starts");
    assert!(output.status.success(), "{output:?}");
    output
}

/// Its first line, and what memprobe says of itself.
fn printed(output: &Output) -> (String, String) {
    let text = String::from_utf8(output.stdout.clone()).expect("text");
    let (line, status) = text.split_once('\n').expect("a line");
    (line.to_owned(), status.to_owned())
}

#[test]
fn without_it_each_function_has_its_own_rate() {
    for nothing in [None, Some("")] {
        let output = run(nothing);
        let (line, status) = printed(&output);
        // Snapshots have a rate of their own.
        assert!(line.starts_with("201 entries, 201 exits, 100 probes, "), "{line}");
        assert!(line.ends_with(" snapshots, 201 calls"), "{line}");
        assert!(!status.contains("\nrate: "), "{status}");
        assert!(output.stderr.is_empty(), "{output:?}");
    }
}

#[test]
fn a_rate_counts_for_all_functions_together() {
    // One in a quarter of an hour; each place of a probe has a first, too.
    let (line, status) = printed(&run(Some("0.001")));
    assert_eq!(line, "1 entries, 1 exits, 1 probes, 1 snapshots, 201 calls");
    assert!(
        status.contains("\nrate: all functions together write at most 0.001 calls a second"),
        "{status}"
    );
}

#[test]
fn off_writes_no_call_at_all() {
    let (line, status) = printed(&run(Some("off")));
    assert_eq!(line, "0 entries, 0 exits, 0 probes, 0 snapshots, 201 calls");
    assert!(status.contains("\nrate: by MEMPROBE_RATE=off no call is written"), "{status}");
}

#[test]
fn what_is_no_rate_is_said_once_and_ignored() {
    for wrong in ["0", "-1", "NaN", "10/s"] {
        let output = run(Some(wrong));
        let (line, _) = printed(&output);
        assert!(line.starts_with("201 entries, 201 exits, 100 probes, "), "{line}");
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(
            said.starts_with(&format!("memprobe: MEMPROBE_RATE={wrong} is neither `off` nor ")),
            "{said}"
        );
    }
}
