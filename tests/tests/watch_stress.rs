//! Ten thousand crossings of the thresholds on sixteen threads, with a subscriber and a panic hook
//! that allocate and lock: no deadlock, no crash, and every crossing is told.

use std::process::Command;

use memprobe_tests::watch_line;

const CYCLES: usize = 10_000;

#[test]
fn ten_thousand_crossings_on_sixteen_threads() {
    let output = Command::new(env!("CARGO_BIN_EXE_victim"))
        .args(["crossings", &CYCLES.to_string()])
        .output()
        .expect("the victim runs");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let lines = watch_line::lines(&output.stderr);
    println!("{}: {} lines; {stdout}", output.status, lines.len());
    assert!(output.status.success(), "{}", output.status);
    assert!(lines.len() >= CYCLES, "only {} crossings were told", lines.len());
    for line in &lines {
        // Running, or over while its memory is held.
        let holders = [line.get("running"), line.get("kept_by_finished_calls")].join(" ");
        assert!(holders.contains("victim::crowded"), "{line:?}");
    }
    let events = stdout.trim().strip_prefix("events: ").map(str::parse);
    // A threshold that is crossed again before its event was written has one event.
    assert!(matches!(events, Some(Ok(CYCLES..))), "{stdout}");
}
