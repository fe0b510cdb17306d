//! The command as it is run: what it prints, writes and exits with.

mod common;

use std::io::Write as _;

use common::{errors, log, path, run, shown, text};
use serde_json::Value;

#[test]
fn the_report_has_memprobes_own_verdicts_and_table() {
    let output = run(&["report", shown(&path("json.log"))]);
    assert!(output.status.success(), "{output:?}");
    let text = text(&output);
    for line in [
        "pressure  task peaks at ",
        "growing   ",
        "churn     ",
        "process   rss ",
        "    function                               calls at once       peak",
        "entry -> read",
        "1 call never ended:",
        "open_at_the_end, call ",
        "last label 'loaded', held 7.0 MiB there",
        "heaviest calls",
        "open_at_the_end, call 36: peak 7.0 MiB, held +7.0 MiB, never ended, had run for ",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("unreadable"), "{text}");
}

#[test]
fn json_is_the_report_with_the_log_beside_it() {
    let output = run(&["report", "--json", shown(&path("full.log"))]);
    let value: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(value["functions"].as_array().map(Vec::len), Some(8));
    assert!(value["verdicts"]["pressure"]["found"]["function"].is_string());
    assert_eq!(value["log"]["unreadable"], 0);
    let open = &value["log"]["processes"][0]["never_ended"][0];
    assert_eq!(
        (open["last_label"].as_str(), open["function"].as_str()),
        (Some("loaded"), Some("program::open_at_the_end"))
    );
}

#[test]
fn pages_stacks_markdown_and_traces_are_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let (page, trace) = (folder.path().join("a.html"), folder.path().join("a.trace"));
    let (log, page_at, trace_at) =
        (path("json.log"), shown(&page).to_owned(), shown(&trace).to_owned());
    let output =
        run(&["report", "--folded", "--html", &page_at, "--trace", &trace_at, shown(&log)]);
    assert!(output.status.success(), "{output:?}");
    assert!(text(&output).lines().any(|line| line.starts_with("program::handler;program::parse ")));
    let page = std::fs::read_to_string(&page).expect("a page");
    assert!(page.contains("memprobe report") && page.contains("program::handler"), "{page}");
    let trace: Value =
        serde_json::from_slice(&std::fs::read(&trace).expect("a trace")).expect("JSON");
    check_trace(&trace);
    let markdown = text(&run(&["report", "--markdown", shown(&log)]));
    assert!(markdown.starts_with("### Memory\n\n- **pressure**: "), "{markdown}");
    assert!(markdown.contains("| `program::handler` | 12 | "), "{markdown}");
}

/// Holds a trace against the published format: each event has the fields of its phase, and the
/// slices of one track lie in each other or beside each other.
fn check_trace(trace: &Value) {
    let events = trace["traceEvents"].as_array().expect("a list");
    let mut slices: Vec<(u64, u64, u64, u64)> = Vec::new();
    let mut counters = std::collections::BTreeSet::new();
    for event in events {
        assert!(event["pid"].is_u64() && event["name"].is_string(), "{event}");
        match event["ph"].as_str() {
            Some("M") => assert!(event["args"]["name"].is_string()),
            Some("C") => {
                assert!(event["ts"].is_u64() && event["args"]["bytes"].is_i64(), "{event}");
                counters.insert(event["name"].as_str().expect("a name").to_owned());
            }
            Some("X") => {
                let number = |name: &str| event[name].as_u64().unwrap_or_else(|| panic!("{event}"));
                slices.push((number("pid"), number("tid"), number("ts"), number("dur")));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(slices.len() > 40, "{}", slices.len());
    let held = counters.iter().filter(|name| name.starts_with("held by ")).count();
    assert!(counters.contains("rss") && (4..10).contains(&held), "{counters:?}");
    // A counter ends at 0: what is held by running calls is held by nobody when they have ended. One
    // call never has.
    let mut last = std::collections::BTreeMap::new();
    for event in events.iter().filter(|event| event["ph"] == "C") {
        last.insert(event["name"].as_str().expect("a name"), &event["args"]["bytes"]);
    }
    for (name, bytes) in last.into_iter().filter(|(name, _)| name.starts_with("held by ")) {
        let left = if name == "held by program::open_at_the_end" { 7 << 20 } else { 0 };
        assert_eq!(bytes.as_i64(), Some(left), "{name}");
    }
    for (at, a) in slices.iter().enumerate() {
        for b in &slices[at + 1..] {
            let (a_end, b_end) = (a.2 + a.3, b.2 + b.3);
            let beside = a_end <= b.2 || b_end <= a.2;
            let inside = (a.2 <= b.2 && b_end <= a_end) || (b.2 <= a.2 && a_end <= b_end);
            assert!((a.0, a.1) != (b.0, b.1) || beside || inside, "{a:?} {b:?}");
        }
    }
}

#[test]
fn single_calls_are_listed_above_a_bound_and_sorted() {
    let output = run(&["calls", "--above", "1MiB", "--json", shown(&path("json-flat.log"))]);
    let calls: Vec<Value> =
        text(&output).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(calls.len() > 3, "{calls:?}");
    let peaks: Vec<u64> = calls.iter().map(|call| call["peak"].as_u64().expect("bytes")).collect();
    assert!(peaks.is_sorted_by(|a, b| a >= b) && peaks.iter().all(|&peak| peak >= 1 << 20));
    // The heaviest has not ended, and has the figures of its last probe.
    assert_eq!(calls[0]["function"], "program::open_at_the_end");
    assert_eq!(
        (&calls[0]["outcome"], &calls[0]["net"]),
        (&"never ended".into(), &(7 << 20).into())
    );
    assert_eq!(calls[0]["segments"][0]["label"], "loaded");
    let text = text(&run(&["calls", "--sort", "kept", "--most", "2", shown(&path("full.log"))]));
    assert!(text.lines().any(|line| line.ends_with(" more")), "{text}");
    let kept = ["+7.0 MiB", "+64 KiB"];
    assert!(text.lines().skip(1).zip(kept).all(|(line, kept)| line.contains(kept)), "{text}");
}

#[test]
fn a_line_that_cannot_be_read_is_shown_with_file_and_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("torn.log");
    let whole = log("json.log");
    let mut lines: Vec<&str> = whole.lines().collect();
    lines[4] = &lines[4][..lines[4].len() - 40];
    std::fs::write(&path, lines.join("\n")).expect("a file");
    let output = run(&["report", shown(&path)]);
    assert!(output.status.success());
    let text = text(&output);
    assert!(text.contains("1 line of ours that cannot be read"), "{text}");
    assert!(text.contains("torn.log:5: JSON was expected: EOF while parsing"), "{text}");
}

#[test]
fn standard_input_and_several_files() {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    let mut child = Command::new(env!("CARGO_BIN_EXE_memprobe"))
        .args(["report", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    child.stdin.take().expect("piped").write_all(log("full.log").as_bytes()).expect("a pipe");
    let output = child.wait_with_output().expect("it ends");
    let one: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let (a, b) = (path("json.log"), path("full.log"));
    let two = run(&["report", "--json", shown(&a), shown(&b)]);
    let two: Value = serde_json::from_slice(&two.stdout).expect("JSON");
    let calls = |value: &Value| {
        let functions = value["functions"].as_array().expect("a list");
        functions.iter().filter_map(|it| it["outcomes"]["returned"].as_u64()).sum::<u64>()
    };
    assert_eq!(calls(&two), 2 * calls(&one));
    assert_eq!(two["log"]["processes"].as_array().map(Vec::len), Some(2));
    let each = run(&["report", "--by", "process", "--json", shown(&a), shown(&b)]);
    let each: Value = serde_json::from_slice(&each.stdout).expect("JSON");
    assert_eq!(calls(&each["reports"][0]), calls(&one));
    let events = |value: &Value| value["log"]["events"].as_u64().expect("a count");
    assert_eq!(events(&each["reports"][0]) + events(&each["reports"][1]), events(&two));
    assert_eq!(each["read"]["events"], two["log"]["events"]);
    assert!(
        each["reports"]
            .as_array()
            .expect("two")
            .iter()
            .all(|one| { one["log"]["heaviest"].as_array().is_some_and(|calls| calls.len() == 3) })
    );
    let stacks = text(&run(&["report", "--by", "process", "--folded", shown(&a), shown(&b)]));
    assert!(stacks.lines().any(|line| line.contains("full.log (2);program::handler ")), "{stacks}");
    let page = text(&run(&["report", "--by", "process", "--markdown", shown(&a), shown(&b)]));
    assert_eq!(page.matches("120 events of a log.").count(), 2, "{page}");
}

#[test]
fn a_log_split_by_rotation_is_one_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = log("json.log");
    let lines: Vec<&str> = whole.lines().collect();
    let (older, newer) = lines.split_at(lines.len() / 2);
    let (a, b) = (folder.path().join("app.log.1"), folder.path().join("app.log"));
    std::fs::write(&a, older.join("\n")).expect("a file");
    std::fs::write(&b, newer.join("\n")).expect("a file");
    // In the order of a shell's `app.log*`.
    let both = run(&["report", "--json", shown(&b), shown(&a)]);
    let both: Value = serde_json::from_slice(&both.stdout).expect("JSON");
    let one = run(&["report", "--json", shown(&path("json.log"))]);
    let one: Value = serde_json::from_slice(&one.stdout).expect("JSON");
    assert_eq!(both["functions"], one["functions"]);
    assert_eq!(both["log"]["processes"].as_array().map(Vec::len), Some(1));
}

#[test]
fn only_what_was_asked_for_is_taken() {
    let output = run(&["report", "--function", "parse", "--json", shown(&path("json.log"))]);
    let value: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let functions = value["functions"].as_array().expect("a list");
    assert_eq!(functions.len(), 1);
    let output = run(&["report", "--until", "2001-01-01T00:00:00Z", shown(&path("json.log"))]);
    assert_eq!(output.status.code(), Some(2));
    assert!(errors(&output).contains("nothing is left of 120 lines"), "{output:?}");
    let output = run(&["report", "--function", "parse", shown(&path("json.log"))]);
    assert!(text(&output).contains("left out by what was asked for"), "{output:?}");
    // What the process used is told by all events.
    let process = |output: &std::process::Output| {
        let text = text(output);
        text.lines().find(|line| line.starts_with("process ")).expect("a line").to_owned()
    };
    assert_eq!(process(&output), process(&run(&["report", shown(&path("json.log"))])));
    // A call that ends after the time has ended all the same.
    let whole = log("json.log");
    let half = whole.lines().nth(60).and_then(|line| line.split('"').nth(3)).expect("a time");
    let output = run(&["report", "--until", half, shown(&path("json.log"))]);
    assert!(output.status.success() && !text(&output).contains("never ended"), "{output:?}");
    let output = run(&["report", "--since", "yesterday", shown(&path("json.log"))]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        errors(&output).contains("a time was expected, as in 2026-11-25T14:00:00Z"),
        "{output:?}"
    );
}

#[test]
fn a_log_that_is_compressed_and_cut_is_read_as_far_as_it_goes() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("app.log.gz");
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(log("json.log").repeat(20).as_bytes()).expect("memory");
    let whole = out.finish().expect("memory");
    std::fs::write(&file, &whole[..whole.len() / 2]).expect("a file");
    let output = run(&["report", shown(&file)]);
    assert!(output.status.success(), "{output:?}");
    assert!(errors(&output).contains("what comes before is read"), "{output:?}");
    assert!(text(&output).contains("handler"), "{output:?}");
}

#[test]
fn a_line_that_is_cut_among_its_figures_is_told_and_not_summed() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("app.log");
    let whole = log("full.log");
    let at = whole.find("call_peak=").expect("an exit") + "call_peak=47".len();
    std::fs::write(&file, &whole[..at]).expect("a file");
    let output = text(&run(&["report", shown(&file)]));
    assert!(output.contains("1 line of ours that cannot be read"), "{output}");
    assert!(output.contains("it has no `call_freed`"), "{output}");
}

#[test]
fn a_log_with_its_newest_lines_first_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, lines) in
        [("json.log", 200), ("json.log", 9), ("full-no-time.log", 200), ("lambda-text.log", 200)]
    {
        let file = folder.path().join(name);
        let whole = log(name);
        let lines: Vec<&str> = whole.lines().take(lines).collect();
        let lines: Vec<&str> = lines.into_iter().rev().collect();
        std::fs::write(&file, lines.join("\n")).expect("a file");
        let output = run(&["report", shown(&file)]);
        assert_eq!(output.status.code(), Some(2), "{name}: {output:?}");
        assert!(errors(&output).contains("the newest lines come first"), "{name}: {output:?}");
        assert!(errors(&output).contains("`logcli query --forward`"), "{name}: {output:?}");
    }
}

#[test]
fn a_rise_is_explained_by_the_segment_that_ended_with_it() {
    let output = run(&["report", "--json", shown(&path("json.log"))]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let timeline = report["timeline"].as_array().expect("a list");
    let function = "program::open_at_the_end";
    let sample = timeline.iter().find(|it| it["function"] == function && it["label"] == "loaded");
    let largest = &sample.expect("a sample")["largest"];
    assert_eq!(largest["function"], function, "{sample:?}");
    assert_eq!(largest["label"], "loaded", "{sample:?}");
}

#[test]
fn a_page_says_how_many_ends_it_leaves_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, page) = (folder.path().join("app.log"), folder.path().join("page.html"));
    let watch = |pid: u32| {
        format!("memprobe: threshold=95% pid={pid} limit=128.0MiB estimate=122.0MiB rss=120.0MiB\n")
    };
    let lines: String = (1..=22).map(watch).collect();
    std::fs::write(&file, lines).expect("a file");
    let output = run(&["report", "--html", shown(&page), shown(&file)]);
    assert!(output.status.success(), "{output:?}");
    let page = std::fs::read_to_string(&page).expect("a page");
    assert_eq!(page.matches("Near its limit").count(), 20);
    assert!(page.contains("<p class=\"big\">2 more</p>"), "{page}");
}

#[test]
fn a_log_is_watched_only_where_it_can_be() {
    let json = path("json.log");
    let output = run(&["watch", shown(&json)]);
    assert_eq!(output.status.code(), Some(2));
    assert!(errors(&output).contains("`watch` needs a terminal"), "{output:?}");
    for every in ["nan", "0", "soon"] {
        let output = run(&["watch", "--every", every, shown(&json)]);
        assert!(errors(&output).contains("a number of seconds was expected"), "{output:?}");
    }
}

#[test]
fn completions_and_the_manual_page_have_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let script = text(&run(&["completions", shell]));
        for word in ["report", "diff", "calls", "watch", "fail-over"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let page = text(&run(&["man"]));
    for word in [".TH memprobe", "MEMPROBE-DIFF", "fail\\-over"] {
        assert!(page.contains(word), "{word}: {page}");
    }
}
