//! What is found in single lines: each event once, with its own fields, its time and its origin.

use memprobe_cli::parse::event::Event;
use memprobe_cli::parse::origin::Origin;
use memprobe_cli::parse::{Found, Parser, Record, time};
use serde_json::{Value, json};

fn time(second: u8) -> String {
    format!("2026-11-25T14:00:{second:02}Z")
}

fn found(lines: &str) -> Vec<Found> {
    let mut all = Vec::new();
    let mut parser = Parser::default();
    for line in lines.lines() {
        parser.line(line.as_bytes(), (Origin::default(), None), &mut |one| all.push(one));
    }
    parser.finish(&mut |one| all.push(one));
    all
}

/// The only event of a line, and where it is from.
fn event(line: &str) -> (Origin, Event) {
    match &found(line)[..] {
        [Found::Record(origin, Record::Event(event))] => (*origin, event.clone()),
        other => panic!("{line}: {other:?}"),
    }
}

const EXIT: &str = "memprobe=\"exit\" function=\"app::f\" from=\"entry\" label=\"return\" call_id=3 \
    uptime_us=10 peak=20 net=0 held=0 allocated=40 freed=40 rss=9277440 outcome=\"returned\" \
    duration_us=7 call_peak=20 call_net=0 call_allocated=40 call_freed=40";
const WATCH: &str = "memprobe: threshold=95% at=2026-11-25T14:00:04.800Z pid=8521 limit=128.0MiB \
    estimate=129.5MiB rss=134.8MiB running=\"app::f 121.9MiB (1.3s, after 'loaded')\"";

/// An event in JSON, with a probe's own fields.
fn probe(own: &str) -> String {
    format!(
        "{{\"fields\":{{\"message\":\"f\",\"memprobe\":\"probe\",\"function\":\"app::f\",\"from\":\"entry\",\
         \"label\":\"read\",{own}\"call_id\":1,\"uptime_us\":23810,\"peak\":131072,\"net\":0,\"held\":0,\
         \"allocated\":131072,\"freed\":131072,\"rss\":9617408}}}}"
    )
}

#[test]
fn what_a_collector_has_read_is_an_event_with_its_origin() {
    let parsed = json!({ "insertId": "1", "jsonPayload": serde_json::from_str::<Value>(&probe("")).expect("JSON"),
        "resource": { "type": "k8s_container",
            "labels": { "pod_name": "web-7d4b", "container_name": "app" } }, "timestamp": time(0) });
    let (origin, event) = event(&parsed.to_string());
    assert_eq!((origin.stream, event.at), ("web-7d4b/app", time::parse(&time(0))));
}

#[test]
fn a_line_that_is_kept_beside_what_was_read_counts_once() {
    event(&json!({ "log": probe(""), "log_processed": probe("") }).to_string());
}

#[test]
fn the_log_events_of_one_line_have_its_stream() {
    let wrapped = |count: usize| {
        let event = json!({ "timestamp": 1_795_615_204_000_u64, "message": probe("") });
        json!({ "logEvents": vec![event; count], "logStream": "2026/11/25/[42]8f3c9ab2" })
            .to_string()
    };
    let (origin, event) = event(&wrapped(1));
    assert_eq!((origin.stream, origin.release), ("2026/11/25/[42]8f3c9ab2", "42"));
    assert_eq!(event.at, time::parse("1795615204000"));
    // More than are kept of one line.
    let many = found(&wrapped(10_001));
    assert_eq!(many.len(), 10_001);
    assert!(matches!(many.last(), Some(Found::Unreadable(_))));
}

#[test]
fn what_is_wrapped_too_deep_is_told_of() {
    let mut line = probe("");
    for _ in 0..4 {
        line = json!({ "message": line }).to_string();
        event(&line);
    }
    line = json!({ "message": line }).to_string();
    assert!(matches!(&found(&line)[..], [Found::Unreadable(_)]));
    // Of an application that only speaks of memprobe nothing is told.
    assert!(found("{\"message\":\"say memprobe=\\\"exit\\\"\"").is_empty());
}

#[test]
fn all_that_stands_in_one_line_is_read() {
    let many = probe("").repeat(40);
    assert_eq!(found(&many).len(), 40);
    let records = |line: &str| {
        let kinds = found(line).into_iter().map(|found| match found {
            Found::Record(_, Record::Event(_)) => 'e',
            Found::Record(_, Record::Crossing(_)) => 'w',
            _ => '?',
        });
        kinds.collect::<String>()
    };
    let json = probe("");
    assert_eq!(records(&format!("{WATCH}{WATCH}")), "ww");
    assert_eq!(records(&format!("a f {EXIT} skipped=1{WATCH} {WATCH}")), "eww");
    assert_eq!(records(&format!("{WATCH} a f {EXIT}")), "we");
    assert_eq!(records(&format!("{WATCH}{json}{WATCH}{json}{WATCH}")), "wewew");
    // Places that look like JSON.
    assert_eq!(records(&format!("{}{json}{json}", "{\" ".repeat(15))), "ee?");
    assert_eq!(records(&format!("{}{json}{json}", "{\"a ".repeat(500_000))), "?");
    assert_eq!(records(&format!("{json} f {EXIT}")), "e?");
}

#[test]
fn json_in_a_line_of_text_is_no_event_and_no_kill() {
    for (head, own) in [
        ("", ""),
        ("request{headers={\"host\": \"x\"}}: ", ""),
        ("request{memprobe=\"a\" b=[{\"memprobe\":\"x\"}]}: ", ""),
        ("", "headers={\"host\": \"x\"} "),
        ("", "body={\"message\":\"OOMKilled\"} "),
    ] {
        let figures = format!("label=\"read\" {own}call_id");
        let line = EXIT.replace("label=\"return\" call_id", &figures);
        let line = format!("{} INFO {head}memprobe::app: f {line}", time(0));
        let [Found::Record(_, Record::Event(event)), rest @ ..] = &found(&line)[..] else {
            panic!("{line}: {:?}", found(&line))
        };
        assert!(rest.len() == usize::from(head.contains("memprobe")), "{rest:?}");
        assert_eq!((event.label, event.at), ("read", time::parse(&time(0))));
        assert_eq!(event.own.as_deref().unwrap_or(""), own.trim_end());
    }
}

#[test]
fn a_probes_own_fields_are_no_fields_of_memprobes() {
    let own = "\"time\":5000000000,\"ts\":\"2026-11-25T14:00:00Z\",\"timestamp\":1795615204,\"limit\":50,\
        \"message\":\"x\",\"host\":\"y\",\"pid\":7,\"release\":\"z\",";
    let line = format!("{{\"timestamp\":\"{}\",{}", time(3), &probe(own)[1..]);
    let (origin, read) = event(&line);
    assert_eq!(origin, Origin::default());
    assert_eq!((read.at, read.limit), (time::parse(&time(3)), None));
    assert!(read.own.is_some_and(|own| own.contains("limit=50 message=\"x\"")));
    // What the collector tells comes before or behind.
    let (_, read) = event(&format!(
        "{},\"timestamp\":\"{}\"}}",
        probe(own).trim_end_matches('}').to_owned() + "}",
        time(3)
    ));
    assert_eq!(read.at, time::parse(&time(3)));
}

#[test]
fn the_streams_of_a_container_are_told_apart() {
    let line = probe(&format!("\"a\":\"{}\",", "x".repeat(20_000)));
    let (one, other) = line.split_at(16 << 10);
    let docker = |part: &str, stream: &str| json!({ "log": part, "stream": stream }).to_string();
    let other = format!("{other}\n");
    let lines = [docker(one, "stdout"), docker("warning\n", "stderr"), docker(&other, "stdout")];
    event(&lines.join("\n"));
    let cri = |pod: &str, tag: &str, part: &str| {
        json!({ "pod": pod, "message": format!("{} stdout {tag} {part}", time(0)) }).to_string()
    };
    let lines = [cri("a", "P", one), cri("b", "F", "x"), cri("a", "F", other.trim_end())];
    event(&lines.join("\n"));
}

#[test]
fn containers_are_told_apart() {
    let line = probe("");
    let stream = |wrapped: String| {
        let (origin, _) = event(&wrapped);
        (origin.stream, origin.pid)
    };
    assert_eq!(stream(format!("web-0 app {line}")), ("web-0/app", None));
    let colours = "\u{1b}[32mweb-0\u{1b}[0m \u{1b}[92mapp\u{1b}[0m ";
    assert_eq!(stream(format!("{colours}{line}")), ("web-0/app", None));
    let journald = json!({ "CONTAINER_ID": "8f3c", "CONTAINER_NAME": "web-1", "MESSAGE": line,
        "_PID": "812", "_SYSTEMD_UNIT": "docker.service" });
    assert_eq!(stream(journald.to_string()), ("web-1", None));
    let loki =
        json!({ "labels": { "container": "app", "instance": "x", "pod": "web-0" }, "line": line });
    assert_eq!(stream(loki.to_string()), ("web-0/app", None));
    let fluentd = json!({ "log": line, "kubernetes": { "pod_name": "web-0", "container_name": "app" },
        "docker": { "container_id": "8f3c" } });
    assert_eq!(stream(fluentd.to_string()), ("web-0/app", None));
}

#[test]
fn a_line_without_a_time_has_that_of_its_prefix() {
    let (json, text) = (probe(""), format!(" INFO memprobe::app: f {EXIT}"));
    let (zulu, at) = (time(7), time::parse(&time(7)));
    let utc = zulu.replace('Z', "+00:00");
    for prefix in [
        format!("{utc} 2026/11/25/[42]8f3c9ab2 "),
        format!("web-1  | {zulu} "),
        format!("{zulu} "),
        format!("[pod/web-0/app] {zulu} "),
        format!("{zulu} web7 app[8521]: "),
        format!("web-0 app {zulu} "),
    ] {
        for line in [&json, &text] {
            assert_eq!(event(&format!("{prefix}{line}")).1.at, at, "{prefix}{line}");
        }
        let own = format!("{prefix}{} INFO memprobe::app: f {EXIT}", time(8));
        assert_eq!(event(&own).1.at, time::parse(&time(8)));
        let kill = found(&format!("{prefix}Killed"));
        let [Found::Record(_, Record::Kill(kill))] = &kill[..] else { panic!("{kill:?}") };
        assert_eq!(kill.at, at);
    }
    for prefix in ["[pod/web-0/app] ", "web-1  | ", "Nov 25 14:00:04 web7 app[8521]: "] {
        let kill = found(&format!("{prefix}Killed"));
        assert!(matches!(&kill[..], [Found::Record(_, Record::Kill(_))]), "{kill:?}");
    }
}
