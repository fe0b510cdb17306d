//! What grows in a service with an upload route: a leak is named with its rate, and nothing else
//! is. `LIVE_RUNS=50 LIVE_SECONDS=30 LIVE_LOG=19` is the long form, at jemalloc's own interval.

#[path = "../../tests/example_axum/client.rs"]
#[allow(dead_code, reason = "shared with another test")]
mod client;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use client::Client;

const ENTRY: u64 = 16 << 10;
/// Visits after which the cache of 100 MiB is full.
const FULL: usize = 6400;
const CLIENTS: usize = 4;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

struct Service {
    process: Child,
    address: SocketAddr,
}

impl Service {
    fn start(mode: &str) -> Service {
        let mut process = Command::new(env!("CARGO_BIN_EXE_service"))
            .arg(mode)
            // The shorter the run, the more samples it needs: one in 64 KiB.
            .env("_RJEM_MALLOC_CONF", format!("lg_prof_sample:{}", number("LIVE_LOG", 16)))
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("its address");
        Service { process, address: line.trim().parse().expect("an address") }
    }

    /// Visits and uploads with some clients while `goes_on`, which gets the number of visits of a
    /// client. Returns when each visit was answered.
    fn use_while(&self, goes_on: impl Fn(usize) -> bool + Sync) -> Vec<Instant> {
        thread::scope(|scope| {
            let one = || self.one_client(&goes_on);
            let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(one)).collect();
            clients.into_iter().flat_map(|client| client.join().expect("no panic")).collect()
        })
    }

    fn one_client(&self, goes_on: impl Fn(usize) -> bool) -> Vec<Instant> {
        let mut client = Client::of(self.address);
        let body = vec![7; 256 << 10];
        let mut visits = Vec::new();
        while goes_on(visits.len()) {
            assert_eq!(client.get("/visit").status, 200);
            visits.push(Instant::now());
            // Some hundred visits a second, as in a service that is not overloaded.
            thread::sleep(Duration::from_millis(2));
            if visits.len() % 4 == 0 {
                assert_eq!(client.post("/upload", &body).status, 200);
            }
        }
        visits
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a run has shown.
struct Run {
    /// The verdict on growth.
    growing: Value,
    owners: Value,
    /// Bytes a second that visits have left in the latter half of the time, if each leaves an entry.
    per_second: f64,
}

fn run(mode: &str) -> Run {
    let service = Service::start(mode);
    let began = Instant::now();
    if mode == "cache" {
        service.use_while(|visits| visits <= FULL / CLIENTS);
    }
    // So long that a cache was full for more than half of the time.
    let time = Duration::from_secs(number("LIVE_SECONDS", 12)).max(began.elapsed() * 3 / 2);
    let (half, end) = (Instant::now() + time / 2, Instant::now() + time);
    let visits = service.use_while(|_| Instant::now() < end);
    let latter = visits.iter().filter(|&&at| at >= half).count() as u64;
    let answer = Client::of(service.address).get("/report.json");
    let report: Value = serde_json::from_slice(&answer.body).expect("JSON");
    Run {
        growing: report["verdicts"]["growing"].clone(),
        owners: report["live"]["owners"].clone(),
        per_second: (latter * ENTRY) as f64 / (time / 2).as_secs_f64(),
    }
}

/// Runs the service some times and returns what was wrong, if anything.
fn all(mode: &str, check: fn(&Run) -> Result<String, String>) {
    let runs = number("LIVE_RUNS", 1);
    let mut wrong = Vec::new();
    for at in 0..runs {
        let run = run(mode);
        match check(&run) {
            Ok(said) => println!("{mode} {at}: {said}"),
            Err(why) => wrong.push(format!("{mode} {at}: {why}: {}\n{}", run.growing, run.owners)),
        }
    }
    assert!(wrong.is_empty(), "{} of {runs} are wrong\n{}", wrong.len(), wrong.join("\n"));
}

/// Whether the rate of the verdict is within 20 % of the true one.
fn rate(run: &Run, truth: f64) -> Result<String, String> {
    let said = run.growing["found"]["growth_per_second"].as_f64().ok_or("nothing found")?;
    let off = said / truth - 1.0;
    let text = format!("{:.1} MiB a second, {:+.1} % off", said / f64::from(1 << 20), off * 100.0);
    if off.abs() <= 0.2 { Ok(text) } else { Err(text) }
}

fn nothing(run: &Run) -> Result<String, String> {
    if run.growing == serde_json::json!({}) {
        Ok("nothing grows".to_owned())
    } else {
        Err("an innocent is accused".to_owned())
    }
}

#[test]
fn a_cache_that_is_never_emptied_is_named_with_its_rate() {
    all("leak", |run| {
        let path = &run.growing["found"]["path"];
        if *path != serde_json::json!(["service::visit", "service::remember"]) {
            return Err("it is not named".to_owned());
        }
        rate(run, run.per_second)
    });
}

#[test]
fn without_a_leak_nobody_is_accused() {
    all("latest", nothing);
}

#[test]
fn a_cache_that_has_filled_is_not_accused() {
    all("cache", nothing);
}

#[test]
fn what_a_middleware_without_an_attribute_keeps_is_said_to_be_so() {
    all("middleware", |run| match run.growing["found"]["owned"]["owner"].as_str() {
        Some("not_annotated") => Ok("it is not annotated".to_owned()),
        _ => Err("it is not said so".to_owned()),
    });
}
