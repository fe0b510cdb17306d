//! Logs that are a document of JSON, only begin with one, or are none although they look so.

#![allow(clippy::format_collect, reason = "a log of a few lines")]

mod common;

use std::io::{self, Read, Write as _};
use std::ops::ControlFlow;

use common::{log, model, report};
use memprobe_cli::input::{self, Extent};
use memprobe_cli::parse::Found;
use memprobe_cli::parse::origin::Origin;
use serde_json::{Value, json};

/// The events of a log in JSON, each as an object.
fn events(log: &str) -> Vec<Value> {
    log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("JSON")
}

/// The times and the streams of all records, and the extent.
fn told(reader: impl Read) -> (Vec<(Option<i64>, Origin)>, Extent) {
    let mut told = Vec::new();
    let extent = input::read(reader, Origin::default(), &mut |item: input::Item| {
        match item.found {
            Found::Record(origin, memprobe_cli::parse::Record::Event(event)) => {
                told.push((event.at, origin));
            }
            other => panic!("{other:?}"),
        }
        ControlFlow::Continue(())
    });
    (told, extent.expect("memory"))
}

#[test]
fn what_jq_prints_is_read_as_the_log_is() {
    for name in ["json.log", "json-flat.log", "json-spans.log", "lambda-json.log"] {
        let plain = log(name);
        let expected = report(plain.as_bytes());
        let events = events(&plain);
        // `jq .` and `jq -s .`, with and without `-c`.
        let each: String = events.iter().map(|event| pretty(event) + "\n").collect();
        assert_eq!(report(each.as_bytes()), expected, "{name}");
        assert_eq!(model(each.as_bytes()).1.lines, each.lines().count() as u64, "{name}");
        let all = Value::Array(events.clone());
        assert_eq!(report(pretty(&all).as_bytes()), expected, "{name}");
        assert_eq!(report(all.to_string().as_bytes()), expected, "{name}");
        assert_eq!(model(all.to_string().as_bytes()).1.lines, events.len() as u64, "{name}");
    }
}

#[test]
fn an_event_in_several_lines_keeps_the_fields_of_its_probe() {
    let event = log("json.log").lines().find(|line| line.contains("\"bytes\":")).map(str::to_owned);
    let event = event.expect("a probe with fields of its own");
    // Broken by hand: the order of the fields matters.
    let broken = format!("{{\n  {}\n", &event[1..]);
    let own = |bytes: &[u8]| {
        let mut own = None;
        let mut sink = |item: input::Item| {
            if let Found::Record(_, memprobe_cli::parse::Record::Event(event)) = item.found {
                own = event.own;
            }
            ControlFlow::Continue(())
        };
        input::read(bytes, Origin::default(), &mut sink).expect("memory");
        own
    };
    assert!(own(event.as_bytes()).is_some());
    assert_eq!(own(broken.as_bytes()), own(event.as_bytes()));
}

#[test]
fn a_log_may_begin_with_whatever_json() {
    let config =
        json!({ "data": { "port": 80 }, "events": [{ "a": 1 }], "levels": ["memprobe=debug"] });
    for start in [
        "{\"data\":{\"port\":80},\"level\":\"info\"}\n".to_owned(),
        "{\"events\":[],\"a\":{}}\n".to_owned(),
        "[{\"a\":1}]\n".to_owned(),
        format!("{config}\n"),
        pretty(&config) + "\n",
        format!("\n\n{}\n\n", pretty(&json!([config]))),
        "{\n".to_owned(),
        "{ \"a\": [\n".to_owned(),
        "{\"timestamp\":\"2026-11-25T14:00\n".to_owned(),
        "{\"timestamp\":\"2026-11-25T14:00:00Z\",\n".to_owned(),
        "{\"timestamp\":\"2026-11-25T14:00:00Z\",\"fields\":\n".to_owned(),
    ] {
        for name in ["json.log", "json-flat.log", "full.log", "pretty-ansi.log"] {
            let plain = log(name);
            let whole = start.clone() + &plain;
            assert_eq!(report(whole.as_bytes()), report(plain.as_bytes()), "{start} {name}");
            assert_eq!(
                model(whole.as_bytes()).0.counts.events,
                model(plain.as_bytes()).0.counts.events
            );
        }
    }
}

#[test]
fn a_pipe_may_give_it_byte_by_byte() {
    struct Slow<'a>(&'a [u8]);
    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let most = into.len().min(1);
            self.0.read(&mut into[..most])
        }
    }
    let plain = log("json.log");
    let table: String = plain
        .lines()
        .map(|line| format!("1795615204000,\"{}\"\n", line.replace('"', "\"\"")))
        .collect();
    let whole = told(plain.as_bytes()).0;
    for log in [
        plain.clone(),
        Value::Array(events(&plain)).to_string(),
        pretty(&Value::Array(events(&plain))),
        format!("{{\n}}\n{plain}"),
        format!("timestamp,message\n{table}"),
    ] {
        assert_eq!(told(Slow(log.as_bytes())), told(log.as_bytes()));
        assert_eq!(told(Slow(log.as_bytes())).0, whole);
    }
}

#[test]
fn an_answer_may_be_written_by_any_program() {
    let plain = log("json.log");
    let expected = report(plain.as_bytes());
    let lines: Vec<&str> = plain.lines().collect();
    // As Python's `json.dump` does, with a space behind the colons.
    let events: Vec<String> = lines
        .iter()
        .map(|line| format!("{{\"timestamp\": 1795615204000, \"message\": {}}}", json!(line)))
        .collect();
    let events = events.join(", ");
    for answer in [
        format!("{{\"events\": [{events}], \"searchedLogStreams\": []}}"),
        format!("{{\"searchedLogStreams\":[],\"events\":[{events}]}}"),
        format!(
            "{{\"searchedLogStreams\": [{{\"logStreamName\": \"a\"}}], \"events\": [{events}]}}\n"
        ),
        format!("{{\"nextToken\": \"a\", \"events\": [{events}]}}\n"),
    ] {
        assert_eq!(report(answer.as_bytes()), expected);
    }
    let values: Vec<String> =
        lines.iter().map(|line| format!("[\"1795615204000000000\", {}]", json!(line))).collect();
    let loki = format!(
        "{{\"status\": \"success\", \"data\": {{\"resultType\": \"streams\", \"result\": [{{\"stream\": \
         {{\"pod\": \"web\"}}, \"values\": [{}]}}], \"stats\": {{}}}}}}",
        values.join(", ")
    );
    assert_eq!(report(loki.as_bytes()), expected);
    // Of Google's logs the line may have any key, and an event may have been parsed.
    let text: Value =
        lines.iter().map(|line| json!({ "insertId": "a", "textPayload": line })).collect();
    assert_eq!(report(text.to_string().as_bytes()), expected);
    assert_eq!(report(pretty(&text).as_bytes()), expected);
    let parsed = self::events(&plain);
    let parsed: Value = parsed.iter().map(|event| json!({ "jsonPayload": event })).collect();
    assert_eq!(report(pretty(&parsed).as_bytes()), expected);
}

#[test]
fn what_stands_beside_a_line_tells_its_time_and_its_stream() {
    let line = log("full-no-time.log")
        .lines()
        .find(|line| line.contains("memprobe=\"exit\""))
        .map(str::to_owned);
    let line = line.expect("an exit without a time");
    let at = Some(1_795_615_204_800_000);
    let stream = "2026/11/25/[42]8f3c9ab2";
    let row = |named: &[(&str, &str)]| -> Value {
        named.iter().map(|(field, value)| json!({ "field": field, "value": value })).collect()
    };
    let quoted = line.replace('"', "\"\"");
    for log in [
        json!({ "events": [{ "logStreamName": stream, "timestamp": 1_795_615_204_800_u64, "message": line }] })
            .to_string(),
        json!({ "events": [{ "logStreamName": stream, "timestamp": "2026-11-25T14:00:04.8Z", "message": line }] })
            .to_string(),
        json!({ "streams": [{ "stream": { "instance": stream }, "values": [["1795615204800000000", line]] }] })
            .to_string(),
        json!({ "streams": [{ "stream": { "instance": stream }, "values": [["1795615204800000000", line, { "a": "b" }]] }] })
            .to_string(),
        json!({ "results": [row(&[("@message", &line), ("@timestamp", "2026-11-25 14:00:04.800"), ("@logStream", stream)])] })
            .to_string(),
        pretty(&json!({ "labels": { "instance": stream }, "line": line, "timestamp": "2026-11-25T14:00:04.8Z" })),
        json!({ "logStreamName": stream, "timestamp": 1_795_615_204_800_u64, "message": line }).to_string(),
        format!("timestamp,message,logStreamName\n1795615204800,\"{quoted}\",{stream}\n"),
        format!("@timestamp,@message,@logStream\n2026-11-25 14:00:04.800,\"{quoted}\",{stream}\n"),
        format!("Time,Line,instance\n2026-11-25T14:00:04.800Z,\"{quoted}\",{stream}"),
        format!("\"Date\",\"Value\",\"instance\"\r\n\"1795615204800\",\"{quoted}\",\"{stream}\"\r\n"),
        format!("ts,instance,log\n1795615204800000,{stream},\"{quoted}\"\n"),
    ] {
        let (told, _) = told(log.as_bytes());
        let [(told_at, origin)] = told[..] else { panic!("{told:?}: {log}") };
        assert_eq!((told_at, origin.stream, origin.release), (at, stream, "42"), "{log}");
    }
}

#[test]
fn a_table_may_have_other_columns() {
    let plain = log("json.log");
    let expected = report(plain.as_bytes());
    let quoted: Vec<String> = plain.lines().map(|line| line.replace('"', "\"\"")).collect();
    // A query for nothing else, and a message in several lines.
    let alone: String = quoted.iter().map(|line| format!("\"{line}\"\n")).collect();
    assert_eq!(report(format!("@message\n{alone}").as_bytes()), expected);
    let together = format!("Message,Timestamp\r\n\"{}\",\"1795615204800\"\r\n", quoted.join("\n"));
    assert_eq!(report(together.as_bytes()), expected);
    // Bytes that are no UTF-8 are told of.
    let mut other = format!("timestamp,message\n1,\"{}\"\n", quoted[2]).into_bytes();
    let at = other.iter().position(|&byte| byte == b'h').expect("the handler");
    other[at] = 0xff;
    let (told, _) = model(&other);
    assert_eq!((told.counts.events, told.counts.not_utf8), (1, 1));
    // What only looks so is a log.
    for start in ["a, log, of lines\n", "value,line\n", "time,other\n"] {
        assert_eq!(report(format!("{start}{plain}").as_bytes()), expected, "{start}");
    }
}

#[test]
fn a_log_that_was_cut_is_read_as_far_as_it_goes() {
    let plain = log("json.log");
    let lines: Vec<&str> = plain.lines().collect();
    let lines = lines.iter().cycle().take(20 * lines.len());
    let table: String =
        lines.clone().map(|line| format!("1,\"{}\"\n", line.replace('"', "\"\""))).collect();
    let answer: Value = lines.map(|line| json!({ "message": line })).collect();
    for (log, least) in [
        (format!("timestamp,message\n{table}"), 1500),
        (json!({ "events": answer }).to_string(), 1500),
        (pretty(&answer), 1500),
        (plain.clone(), 80),
    ] {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(log.as_bytes()).expect("memory");
        let gzip = gzip.finish().expect("memory");
        let zstd = zstd::encode_all(log.as_bytes(), 1).expect("memory");
        for cut in [&gzip[..gzip.len() * 3 / 4], &zstd[..zstd.len() * 3 / 4]] {
            let (model, extent) = model(cut);
            assert!(extent.is_cut);
            let read = model.counts.events + model.counts.duplicates;
            assert!(read > least || cut.len() < 20_000, "{read} of {} bytes", cut.len());
        }
        assert!(!model(&gzip).1.is_cut);
    }
}

#[test]
fn what_is_no_json_is_told_of_and_read_on_behind() {
    let plain = log("json.log");
    let events = events(&plain);
    let good = model(plain.as_bytes()).0.counts;
    // One of ours is damaged, in a document of many lines, and its pieces are told of.
    let damage = |(at, event): (usize, &Value)| match at {
        60 => pretty(event).replace("\"function\":", "function:"),
        _ => pretty(event),
    };
    let damaged: Vec<String> = events.iter().enumerate().map(damage).collect();
    let ends = |events: &[String]| events.join("\n").lines().count() as u64;
    let (each, _) = model(damaged.join("\n").as_bytes());
    assert_eq!(each.counts.events, good.events - 1);
    let place = each.unreadable[0].place.line;
    assert!(ends(&damaged[..60]) < place && place <= ends(&damaged[..61]), "{place}");
    let (all, _) = model(format!("[\n{}\n]\n", damaged.join(",\n")).as_bytes());
    assert_eq!(all.counts.events, good.events - 1);
    assert_eq!(all.unreadable[0].place.line, 61);
    assert!(all.unreadable[0].text.contains("call_peak"), "{:?}", all.unreadable[0]);
    // The end is missing.
    let document = pretty(&Value::Array(events));
    let (cut, _) = model(&document.as_bytes()[..document.len() / 2]);
    // The piece is told of, and so is the line in it that is ours.
    assert_eq!(cut.counts.unreadable, 2, "{:?}", cut.unreadable);
    assert!(cut.counts.events > good.events / 3, "{:?}", cut.counts);
}

#[test]
fn a_byte_order_mark_is_passed_over_and_utf_16_is_read() {
    let plain = log("json.log");
    let expected = report(plain.as_bytes());
    let document = Value::Array(events(&plain));
    let row = |line: &str| format!("1795615204800,\"{}\"\r\n", line.replace('"', "\"\""));
    let table =
        format!("timestamp,message\r\n{}", plain.lines().map(row).collect::<Vec<_>>().concat());
    for log in [plain, document.to_string(), pretty(&document), table] {
        let marked = format!("\u{feff}{log}");
        assert_eq!(report(marked.as_bytes()), expected);
        let little: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(report(&little), expected);
        let big: Vec<u8> = marked.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(report(&big), expected);
        assert_eq!(model(&big).1.bytes, big.len() as u64);
    }
}
