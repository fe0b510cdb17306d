//! What `tracing-subscriber` and `lambda_runtime` really write, in each of their formats, is read
//! alike. The logs in `memprobe-cli/tests/logs` are such; `BLESS=1` writes those of today.

use std::path::{Path, PathBuf};
use std::process::Command;

use memprobe_logs::model;
use memprobe_tests::output::mask;
use serde_json::Value;

const FORMATS: [&str; 14] = [
    "full",
    "full-ansi",
    "full-no-time",
    "full-everything",
    "compact",
    "compact-ansi",
    "pretty",
    "pretty-ansi",
    "json",
    "json-flat",
    "json-flat-bare",
    "json-spans",
    "lambda-text",
    "lambda-json",
];

fn write(format: &str) -> String {
    let name = if format == "lambda-json" { "JSON" } else { "Text" };
    let output = Command::new(env!("CARGO_BIN_EXE_program"))
        .arg(format)
        .env("AWS_LAMBDA_LOG_FORMAT", name)
        .env("NO_COLOR", if format == "lambda-text" { "1" } else { "" })
        .env_remove("RUST_LOG")
        .env_remove("MEMPROBE_RATE")
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn fixture(format: &str) -> PathBuf {
    let logs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../memprobe-cli/tests/logs");
    logs.join(format!("{format}.log"))
}

/// The report without what differs from run to run.
fn report(path: &Path) -> Value {
    let model = model(path);
    assert_eq!(model.counts.unreadable, 0, "{}: {:?}", path.display(), model.unreadable);
    assert_eq!(model.counts.without_entry, 0, "{}", path.display());
    let [process] = &model.processes[..] else {
        panic!("{}: {} processes", path.display(), model.processes.len())
    };
    assert_eq!(process.open.len(), 1, "{}: {:?}", path.display(), process.open);
    let mut value = serde_json::to_value(process.builder.report()).expect("JSON");
    let fields = value.as_object_mut().expect("an object");
    for name in ["elapsed_us", "process", "timeline", "verdicts"] {
        fields.remove(name);
    }
    value
}

#[test]
fn each_format_gives_the_same_report() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut first = None;
    for format in FORMATS {
        let log = write(format);
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(fixture(format), &log).expect("a file");
        }
        let path = folder.path().join(format);
        std::fs::write(&path, &log).expect("a file");
        let report = report(&path);
        let first = first.get_or_insert_with(|| report.clone());
        assert_eq!(*first, report, "{format}");
    }
    let functions = first.expect("a report")["functions"].as_array().map_or(0, Vec::len);
    assert_eq!(functions, 8);
}

#[test]
fn the_kept_logs_are_what_is_written_today() {
    for format in FORMATS {
        let kept = std::fs::read_to_string(fixture(format)).expect("a log");
        let (kept, now) = (mask(&kept), mask(&write(format)));
        for (at, (kept, now)) in kept.lines().zip(now.lines()).enumerate() {
            assert_eq!(names(kept), names(now), "{format}:{}: {kept}\n{now}", at + 1);
        }
        assert_eq!(kept.lines().count(), now.lines().count(), "{format}");
    }
}

/// How often each of memprobe's fields is in a line. jemalloc's figures are left out where a refresh
/// would take too long, and a limit where the machine has none.
fn names(line: &str) -> Vec<(&'static str, usize)> {
    const NAMES: [&str; 21] = [
        "memprobe",
        "function",
        "from",
        "label",
        "call_id",
        "parent_id",
        "uptime_us",
        "peak",
        "net",
        "held",
        "allocated",
        "freed",
        "outcome",
        "duration_us",
        "call_peak",
        "call_peak_from",
        "call_net",
        "call_allocated",
        "call_freed",
        "peak_rss",
        "cold",
    ];
    let line = line.replace("jemalloc_allocated", "");
    NAMES.map(|name| (name, line.matches(name).count())).to_vec()
}
