//! A real Prometheus server scrapes two running services under load, with the rules and the dashboard
//! of `docs/fleet`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use memprobe_fleet::{Process, escaped, get, has, start, until};
use serde_json::Value;

const MIB: f64 = (1 << 20) as f64;

/// A file of `docs/fleet`.
fn shipped(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/fleet");
    fs::read_to_string(folder.join(name)).expect("a file")
}

/// The rules as shipped, with seconds in place of minutes.
fn hurried() -> String {
    let seconds =
        [("[5m]", "[10s]"), ("[15m]", "[10s]"), ("[30m]", "[10s]"), ("for: 5m", "for: 2s")];
    let mut rules = shipped("rules.yml").replace("for: 15m", "for: 2s");
    for (minutes, seconds) in seconds {
        assert!(rules.contains(minutes), "{minutes}");
        rules = rules.replace(minutes, seconds);
    }
    rules
}

/// A directory of its own, removed when it is dropped.
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Prometheus {
    address: String,
    _process: Process,
    _directory: Directory,
}

impl Prometheus {
    /// Starts a server that scrapes these addresses.
    fn start(addresses: &[&str]) -> Prometheus {
        let directory = std::env::temp_dir().join(format!("memprobe-fleet-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory");
        let directory = Directory(directory);
        fs::write(directory.0.join("rules.yml"), hurried()).expect("a file");
        let mut configuration = "global: {scrape_interval: 1s, evaluation_interval: 1s}\n\
             rule_files: [rules.yml]\n\
             scrape_configs: [{job_name: services, static_configs: [{targets: ["
            .to_owned();
        for address in addresses {
            let _ = write!(configuration, "'{address}', ");
        }
        configuration += "]}]}]\n";
        fs::write(directory.0.join("prometheus.yml"), configuration).expect("a file");
        // Free until now: the server prints no port of its own choice.
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr());
        let address = port.expect("a port").to_string();
        let process = Command::new("prometheus")
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=warn")
            .current_dir(&directory.0)
            .stdout(Stdio::null())
            .spawn()
            .expect("it starts");
        let prometheus = Prometheus { address, _process: Process(process), _directory: directory };
        until(|| get(&prometheus.address, "/-/ready"));
        prometheus
    }

    fn ask(&self, path: &str) -> Result<Value, String> {
        let answer: Value = serde_json::from_str(&get(&self.address, path)?).expect("JSON");
        if answer["status"] == "success" {
            Ok(answer["data"].clone())
        } else {
            Err(answer.to_string())
        }
    }

    /// The labels and values that a query gives now.
    fn query(&self, query: &str) -> Result<Vec<(Value, f64)>, String> {
        let data = self.ask(&format!("/api/v1/query?query={}", escaped(query)))?;
        let value = |sample: &Value| sample["value"][1].as_str().and_then(|text| text.parse().ok());
        let samples = data["result"].as_array().ok_or_else(|| data.to_string())?;
        Ok(samples
            .iter()
            .map(|sample| (sample["metric"].clone(), value(sample).expect("a number")))
            .collect())
    }

    /// Waits until the only value of a query is as wanted.
    fn wait_for(&self, query: &str, is_wanted: impl Fn(f64) -> bool) -> f64 {
        until(|| match self.query(query)?.as_slice() {
            [(_, value)] if is_wanted(*value) => Ok(*value),
            other => Err(format!("{query}: {other:?}")),
        })
    }

    /// Waits until an alert fires for an instance, and returns its annotations.
    fn wait_for_alert(&self, name: &str, instance: &str, text: &str) {
        until(|| {
            let alerts = self.ask("/api/v1/alerts")?["alerts"].clone();
            let is = |alert: &&Value| {
                alert["labels"]["alertname"] == name
                    && alert["labels"]["instance"] == instance
                    && alert["state"] == "firing"
                    && alert["annotations"].to_string().contains(text)
            };
            let found = alerts.as_array().and_then(|alerts| alerts.iter().find(is).cloned());
            found.ok_or_else(|| format!("{name} of {instance} is not among {alerts:#}"))
        });
    }

    fn firing(&self) -> Vec<(Value, f64)> {
        self.query("ALERTS{alertstate='firing'}").expect("an answer")
    }
}

/// Two services of 256 MiB each.
fn service() -> (Process, String) {
    let mut service = Command::new(env!("CARGO_BIN_EXE_service"));
    // Without a group of its own: the memory size of a Lambda is the limit.
    start(service.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"))
}

/// Asks for pages of up to 1 MiB, and in each tenth call of this size, until it is stopped.
fn load(address: &str, each_tenth: usize, calls: &AtomicU64, stop: &AtomicBool) {
    let mut at = 0;
    while !stop.load(Relaxed) {
        at += 1;
        let kib = if at % 10 == 0 { each_tenth } else { 64 + at * 37 % 900 };
        get(address, &format!("/render?kib={kib}")).expect("a page");
        calls.fetch_add(1, Relaxed);
    }
}

#[test]
fn quantiles_alerts_and_dashboard_work_over_two_services() {
    if !has("prometheus") {
        return;
    }
    let ((_one, a), (_other, b)) = (service(), service());
    let prometheus = Prometheus::start(&[&a, &b]);

    // Under load: 5 % of all calls need 7 MiB, all of them in one of the services.
    let (calls, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| load(&a, 700, &calls, &stop));
            scope.spawn(|| load(&b, 7 << 10, &calls, &stop));
        }
        let p99 = "function:memprobe_call_peak_bytes:p99{function='service::render'}";
        prometheus.wait_for(p99, |bytes| (6.0 * MIB..=8.0 * MIB).contains(&bytes));
        dashboard_shows(&prometheus);
        let page = shipped("../fleet.md");
        for query in page.split("```promql\n").skip(1).filter_map(|text| text.split("```").next()) {
            prometheus.query(query).expect("a query of the page");
        }
        stop.store(true, Relaxed);
    });

    // Every call once, in both services together.
    let calls = calls.load(Relaxed) as f64;
    let is = |wanted: f64| move |value: f64| (value - wanted).abs() < 0.5;
    let returned = "sum(memprobe_calls_total{function='service::render', outcome='returned'})";
    prometheus.wait_for(returned, is(calls));
    prometheus
        .wait_for("sum(memprobe_call_peak_bytes_count{function='service::render'})", is(calls));
    let quantile = |q: f64, by: &str, instance: &str| {
        let buckets = "memprobe_call_peak_bytes_bucket{function='service::render'";
        prometheus.wait_for(
            &format!(
                "histogram_quantile({q}, sum by ({by}) ({buckets}, instance=~'{instance}'}}))"
            ),
            |_| true,
        )
    };
    let (both, of_a) = (quantile(0.99, "function, le", ".*"), quantile(0.99, "le", &a));
    assert!((6.0 * MIB..=8.0 * MIB).contains(&both), "{both}");
    assert!((0.75 * MIB..=1.0 * MIB).contains(&of_a), "{of_a}");
    let half = quantile(0.5, "le", ".*");
    assert!((0.375 * MIB..=0.75 * MIB).contains(&half), "64 to 964 KiB: {half}");
    assert!(prometheus.firing().is_empty(), "{:?}", prometheus.firing());

    // One of them near its limit, and the other not.
    get(&a, &format!("/hold?kib={}", 235 << 10)).expect("it holds");
    prometheus.wait_for_alert("MemoryNearLimit", &a, "9");
    prometheus.wait_for_alert("MemoryThresholdReported", &a, "% of its memory limit");
    let firing = prometheus.firing();
    assert!(firing.iter().all(|(labels, _)| labels["instance"] == a), "{firing:?}");
    get(&a, "/hold?kib=0").expect("it frees");

    // The other one leaks.
    get(&b, &format!("/hold?kib={}", 130 << 10)).expect("it holds");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // To some 230 MiB in two minutes.
            while !stop.load(Relaxed) {
                let _ = get(&b, "/remember?kib=64");
                thread::sleep(Duration::from_millis(75));
            }
        });
        prometheus.wait_for_alert("MemoryGrowing", &b, "service::remember keeps the most");
        stop.store(true, Relaxed);
    });
}

/// Asks every query of the dashboard, each of which must have an answer.
fn dashboard_shows(prometheus: &Prometheus) {
    let dashboard: Value = serde_json::from_str(&shipped("dashboard.json")).expect("JSON");
    let mut asked = 0;
    for panel in dashboard["panels"].as_array().expect("a list") {
        for target in panel["targets"].as_array().expect("a list") {
            let query = target["expr"].as_str().expect("text");
            let query = ["$job", "$instance", "$function"]
                .iter()
                .fold(query.replace("$__rate_interval", "10s"), |query, name| {
                    query.replace(name, ".*")
                });
            assert!(!query.contains('$'), "{query}");
            until(|| match prometheus.query(&query)?.as_slice() {
                [] => Err(format!("{}: nothing for {query}", panel["title"])),
                _ => Ok(()),
            });
            asked += 1;
        }
    }
    assert!(asked > 10, "{asked}");
}
