//! What collectors make of a line of a log, in their published formats, is read as the line is.

#![allow(clippy::format_collect, reason = "a log of a few lines")]

mod common;

use std::io::Write as _;

use common::{log, report};
use serde_json::{Value, json};

/// A time in RFC 3339 that grows with the line.
fn time(at: usize) -> String {
    format!("2026-11-25T14:{:02}:{:02}.{:06}Z", at / 6000, at / 100 % 60, at % 100 * 1000)
}

/// The lines of the log, each passed through `wrap`, are read as the log is.
fn check(wrap: impl Fn(usize, &str) -> String) {
    for name in
        ["json.log", "json-flat.log", "full.log", "full-ansi.log", "compact.log", "pretty.log"]
    {
        let plain = log(name);
        let lines = plain.lines().enumerate();
        let wrapped: String = lines.map(|(at, line)| wrap(at, line) + "\n").collect();
        assert_eq!(report(wrapped.as_bytes()), report(plain.as_bytes()), "{name}");
    }
}

/// A whole document made of the lines.
fn check_document(wrap: impl Fn(Vec<(usize, &str)>) -> String) {
    for name in ["json.log", "full.log"] {
        let plain = log(name);
        let wrapped = wrap(plain.lines().enumerate().collect());
        assert_eq!(report(wrapped.as_bytes()), report(plain.as_bytes()), "{name}");
    }
}

#[test]
fn docker_json_file() {
    check(|at, line| {
        json!({ "log": format!("{line}\n"), "stream": "stdout", "time": time(at) }).to_string()
    });
}

#[test]
fn docker_splits_long_lines() {
    let plain = log("json.log");
    let mut wrapped = String::new();
    for (at, line) in plain.lines().enumerate() {
        // Of 16 KiB each; a field of the application's makes the line longer than two of them.
        let long = line.replacen(
            "\"timestamp\"",
            &format!("\"a\":\"{}\",\"timestamp\"", "x".repeat(40_000)),
            1,
        );
        let long = format!("{long}\n");
        let mut rest = &long[..];
        while !rest.is_empty() {
            let (part, after) = rest.split_at(rest.len().min(16 << 10));
            wrapped += &json!({ "log": part, "stream": "stdout", "time": time(at) }).to_string();
            wrapped.push('\n');
            rest = after;
        }
    }
    assert_eq!(report(wrapped.as_bytes()), report(plain.as_bytes()));
}

#[test]
fn docker_compose_and_kubectl_prefixes() {
    check(|_, line| format!("web-1  | {line}"));
    check(|_, line| format!("[pod/web-7d4b/app] {line}"));
}

#[test]
fn kubernetes_cri() {
    check(|at, line| format!("{} stdout F {line}", time(at)));
    // In two parts.
    check(|at, line| {
        let end = (0..=line.len() / 2).rev().find(|&end| line.is_char_boundary(end)).unwrap_or(0);
        let (one, other) = line.split_at(end);
        format!("{} stdout P {one}\n{} stdout F {other}", time(at), time(at))
    });
}

#[test]
fn journald() {
    check(|at, line| {
        json!({
            "__CURSOR": "s=1", "__REALTIME_TIMESTAMP": (1_795_615_204_000_000_u64 + at as u64).to_string(),
            "_PID": "8521", "_HOSTNAME": "web7", "_SYSTEMD_UNIT": "app.service", "PRIORITY": "6",
            "MESSAGE": line,
        })
        .to_string()
    });
    // A message that is not plain text is a list of its bytes.
    check(|_, line| json!({ "_PID": "8521", "MESSAGE": line.as_bytes() }).to_string());
}

#[test]
fn journalctl_in_short() {
    check(|_, line| format!("Nov 25 14:00:04 web7 app[8521]: {line}"));
}

#[test]
fn cloudwatch_tail() {
    check(|at, line| {
        format!("{} 2026/11/25/[$LATEST]8f3c9ab2 {line}", time(at).replace('Z', "+00:00"))
    });
}

#[test]
fn cloudwatch_filter_log_events() {
    let events = |lines: Vec<(usize, &str)>| -> Value {
        lines
            .into_iter()
            .map(|(at, line)| {
                json!({
                    "logStreamName": "2026/11/25/[42]8f3c9ab2", "timestamp": 1_795_615_204_000_u64 + at as u64,
                    "message": format!("{line}\n"), "ingestionTime": 1_795_615_205_000_u64, "eventId": "3",
                })
            })
            .collect()
    };
    let document =
        |lines: Vec<(usize, &str)>| json!({ "events": events(lines), "searchedLogStreams": [] });
    check_document(|lines| document(lines).to_string());
    check_document(|lines| serde_json::to_string_pretty(&document(lines)).expect("JSON"));
    // By `jq -c .events[]`.
    check_document(|lines| {
        let events = events(lines);
        events.as_array().expect("a list").iter().map(|event| format!("{event}\n")).collect()
    });
}

#[test]
fn cloudwatch_console_csv() {
    check_document(|lines| {
        let quoted = |line: &str| format!("\"{}\n\"", line.replace('"', "\"\""));
        let rows = lines
            .into_iter()
            .map(|(at, line)| format!("{},{}\n", 1_795_615_204_000_u64 + at as u64, quoted(line)));
        format!("timestamp,message\n{}", rows.collect::<String>())
    });
}

#[test]
fn loki() {
    let values = |lines: Vec<(usize, &str)>| -> Value {
        let nanos = |at: usize| (1_795_615_204_000_000_000_u64 + at as u64).to_string();
        lines.into_iter().map(|(at, line)| json!([nanos(at), line])).collect()
    };
    let stream = |lines: Vec<(usize, &str)>| json!({ "stream": { "pod": "web-7d4b", "host": "n1" }, "values": values(lines) });
    // An answer to a query.
    check_document(|lines| {
        json!({ "status": "success", "data": { "resultType": "streams", "result": [stream(lines)] } })
            .to_string()
    });
    // What is pushed.
    check_document(|lines| json!({ "streams": [stream(lines)] }).to_string());
    // logcli -o jsonl.
    check(|at, line| {
        json!({ "labels": { "pod": "web-7d4b" }, "line": line, "timestamp": time(at) }).to_string()
    });
}

#[test]
fn vector() {
    check(|at, line| {
        json!({
            "host": "web7", "file": "/var/log/app.log", "source_type": "file",
            "message": line, "timestamp": time(at),
        })
        .to_string()
    });
    // With the line parsed, its fields among Vector's own, in the order of their names.
    let plain = log("json-flat.log");
    let merged: String = plain
        .lines()
        .map(|line| {
            let mut value: Value = serde_json::from_str(line).expect("JSON");
            value["host"] = "web7".into();
            value["source_type"] = "file".into();
            format!("{value}\n")
        })
        .collect();
    assert_eq!(report(merged.as_bytes()), report(plain.as_bytes()));
}

#[test]
fn google_cloud() {
    let resource = json!({ "type": "k8s_container", "labels": { "pod_name": "web-7d4b", "container_name": "app" } });
    check(|at, line| {
        json!({ "insertId": "1", "textPayload": line, "resource": resource, "timestamp": time(at) })
            .to_string()
    });
}

#[test]
fn splunk_opentelemetry_and_whoever_else() {
    for key in ["event", "body", "Body", "log", "whatever"] {
        check(|at, line| {
            json!({ "time": time(at), "a": 1, key: line, "b": [{}, "x"] }).to_string()
        });
        check(|_, line| json!({ "result": { key: line } }).to_string());
        check(|_, line| json!({ "records": [{ "a": { key: [line] } }] }).to_string());
    }
    check(|_, line| {
        let record =
            json!({ "timeUnixNano": "1795615204000000000", "body": { "stringValue": line } });
        json!({ "resourceLogs": [{ "resource": {}, "scopeLogs": [{ "logRecords": [record] }] }] })
            .to_string()
    });
}

#[test]
fn cloudwatch_subscriptions() {
    let wrapped = |lines: &[&str]| {
        let events: Vec<Value> = lines
            .iter()
            .map(|line| json!({ "id": "3", "timestamp": 1_795_615_204_000_u64, "message": line }))
            .collect();
        json!({ "messageType": "DATA_MESSAGE", "logGroup": "g", "logEvents": events,
            "logStream": "2026/11/25/[42]8f3c9ab2" })
        .to_string()
    };
    for name in ["json.log", "full.log"] {
        let plain = log(name);
        let lines: Vec<&str> = plain.lines().collect();
        // Firehose puts nothing between two objects.
        let joined: String = lines.chunks(3).map(wrapped).collect();
        for log in [wrapped(&lines), joined] {
            assert_eq!(report(log.as_bytes()), report(plain.as_bytes()), "{name}");
        }
    }
}

#[test]
fn a_wrapper_in_a_wrapper() {
    check(|at, line| {
        let docker = json!({ "log": format!("{line}\n"), "stream": "stdout", "time": time(at) });
        json!({ "message": docker.to_string(), "host": "web7" }).to_string()
    });
}

#[test]
fn compressed() {
    let plain = log("json.log");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(plain.as_bytes()).expect("memory");
    assert_eq!(report(&gzip.finish().expect("memory")), report(plain.as_bytes()));
    let zstd = zstd::encode_all(plain.as_bytes(), 1).expect("memory");
    assert_eq!(report(&zstd), report(plain.as_bytes()));
}

#[test]
fn two_wrapped_processes_are_told_apart() {
    let plain = log("json.log");
    let of =
        |pod: &str, line: &str| json!({ "pod": pod, "message": line, "version": pod }).to_string();
    let mixed: String =
        plain.lines().map(|line| format!("{}\n{}\n", of("a", line), of("b", line))).collect();
    let (model, _) = common::model(mixed.as_bytes());
    assert_eq!(model.counts.duplicates, 0);
    let names: Vec<String> =
        model.processes.iter().map(memprobe_cli::model::Process::name).collect();
    assert_eq!(names, ["a", "b"]);
    let reports: Vec<String> = model
        .processes
        .iter()
        .map(|process| serde_json::to_string(&process.builder.report().functions).expect("JSON"))
        .collect();
    assert_eq!(reports[0], reports[1]);
}
