//! Instructions of a call, counted by callgrind: they repeat where times do not.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::build::build;

/// Calls that are counted of each case.
pub const CALLS: u64 = 10_000;

/// The cases of the program `instructions`, by what it is to be given.
const CASES: [&str; 12] = [
    "plain",
    "empty",
    "malloc + free, plain",
    "malloc + free",
    "a probe inside",
    "ready",
    "one yield",
    "all at once",
    "all in each other",
    "not admitted: empty",
    "not admitted: malloc + free",
    "not admitted: a probe inside",
];

/// How far a count may be off, in percent. Each run of a program counts the same to the last
/// instruction, also on a busy machine; what is left is for another libc.
const BOUND: f64 = 2.0;

fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.txt")
}

/// The compiler and the machine that counts depend on.
fn toolchain() -> Result<String, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let field = |name| text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("unknown");
    Ok(format!("rustc {}, {}", field("release: "), field("host: ")))
}

/// Why nothing can be counted here.
fn obstacle() -> Option<String> {
    let valgrind = Command::new("valgrind").arg("--version").output();
    if !valgrind.is_ok_and(|output| output.status.success()) {
        return Some("valgrind is not installed".into());
    }
    let kept = std::fs::read_to_string(kept()).unwrap_or_default();
    let theirs = kept.lines().find_map(|line| line.strip_prefix("# "))?;
    let ours = toolchain().unwrap_or_default();
    (theirs != ours).then(|| format!("counts are kept for {theirs}, and this is {ours}"))
}

/// Compares with the counts that are kept. `Ok` tells what was found, or why nothing could
/// be counted.
///
/// # Errors
///
/// Where a case takes more or fewer instructions than it may, or does not run.
pub fn check() -> Result<String, String> {
    if let Some(obstacle) = obstacle() {
        return Ok(format!("not counted: {obstacle}"));
    }
    let kept = std::fs::read_to_string(kept()).map_err(|error| error.to_string())?;
    let mut text = String::from("instructions a call:\n");
    let mut wrong = false;
    // No call pays for `metrics`, which hands over totals when it is asked.
    for (feature, (case, now)) in all(&["memprobe", "metrics"])? {
        let before = kept.lines().find_map(|line| line.strip_prefix(&case)?.strip_prefix('\t'));
        let before: f64 = before.and_then(|n| n.parse().ok()).unwrap_or(0.0);
        let off = 100.0 * (now - before) / before;
        let is_wrong = off.is_nan() || off.abs() > BOUND;
        wrong |= is_wrong;
        let mark = if is_wrong { "  <-" } else { "" };
        let _ = writeln!(
            text,
            "  {feature:10} {case:30} {now:8.1}, kept {before:8.1} ({off:+.1} %){mark}"
        );
    }
    if wrong {
        let _ = write!(
            text,
            "more than {BOUND} % off; if that is meant: \
             cargo run --release -p memprobe-bench -- instructions --renew"
        );
        return Err(text);
    }
    Ok(text)
}

/// Keeps what is counted now.
///
/// # Errors
///
/// Where a case does not run.
pub fn renew() -> Result<String, String> {
    let mut text = format!("# {}\n", toolchain()?);
    for (case, count) in count("memprobe")? {
        let _ = writeln!(text, "{case}\t{count:.1}");
    }
    std::fs::write(kept(), &text).map_err(|error| error.to_string())?;
    Ok(text)
}

type Count = (String, f64);

fn all(features: &[&'static str]) -> Result<Vec<(&'static str, Count)>, String> {
    let mut all = Vec::new();
    for &feature in features {
        all.extend(count(feature)?.into_iter().map(|count| (feature, count)));
    }
    Ok(all)
}

fn count(feature: &str) -> Result<Vec<Count>, String> {
    let program = build("instructions", feature)?;
    let of_a_call = |case| counted(&program, &[case]).map(|count| count / CALLS as f64);
    CASES.iter().map(|&case| Ok((case.to_owned(), of_a_call(case)?))).collect()
}

/// Functions of which the instructions are counted, few and many.
const FEW: u32 = 1000;
const MANY: u32 = 8000;

/// Compares what a function adds to the first calls, to a report and to its text where there
/// are few and where there are many. `Ok` tells what was found, or why nothing could be counted.
///
/// # Errors
///
/// Where it adds more for there being many, or a case does not run.
pub fn check_growth() -> Result<String, String> {
    if let Some(obstacle) = obstacle() {
        return Ok(format!("not counted: {obstacle}"));
    }
    let program = build("report", "memprobe")?;
    let mut text = String::from("instructions a function:\n");
    let mut wrong = false;
    for case in ["first calls", "report", "text"] {
        let of = |functions: u32| {
            let count = counted(&program, &[&functions.to_string(), case])?;
            Ok::<f64, String>(count / f64::from(functions))
        };
        let (few, many) = (of(FEW)?, of(MANY)?);
        // What is found by a hash or sorted takes some more steps.
        let is_wrong = many > 1.3 * few;
        wrong |= is_wrong;
        let mark = if is_wrong { "  <-" } else { "" };
        let _ = writeln!(text, "  {case:12} {few:8.0} of {FEW}, {many:8.0} of {MANY}{mark}");
    }
    if wrong { Err(text) } else { Ok(text) }
}

/// Instructions that a program takes in its function `counted`.
fn counted(program: &Path, arguments: &[&str]) -> Result<f64, String> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=counted"])
        .arg(program)
        .args(arguments)
        .output()
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text.lines().find_map(|line| line.split("Collected :").nth(1));
    let collected: Option<f64> = collected.and_then(|count| count.trim().parse().ok());
    match collected {
        Some(count) if output.status.success() => Ok(count),
        _ => Err(format!("{arguments:?}: {text}")),
    }
}
