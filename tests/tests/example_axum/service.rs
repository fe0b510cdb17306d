//! The service as a process, and what it says of itself.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::Client;

/// A service that runs; killed if the test fails before it ends.
pub struct Service {
    process: Child,
    files: PathBuf,
    pub address: SocketAddr,
}

/// How it ended.
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Service {
    /// Starts one whose output goes into files of that name.
    pub fn start(name: &str, options: &[&str]) -> Service {
        let files = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("axum_{name}"));
        let file = |ending| File::create(files.with_extension(ending)).expect("a file");
        let process = Command::new(env!("CARGO_BIN_EXE_axum"))
            .args(["--port", "0"])
            .args(options)
            .env_remove("MEMPROBE_REPORT")
            // Making a backtrace allocates, in the call that panics.
            .env("RUST_BACKTRACE", "0")
            .env("NO_COLOR", "1")
            .stdout(file("out"))
            .stderr(file("err"))
            .spawn()
            .expect("it starts");
        let mut service = Service { process, files, address: ([0, 0, 0, 0], 0).into() };
        service.address = service.wait_for("its address", || {
            let stdout = service.text("out");
            let line = stdout.split_once('\n')?.0;
            line.strip_prefix("listening on http://")?.parse().ok()
        });
        service
    }

    fn text(&self, ending: &str) -> String {
        fs::read_to_string(self.files.with_extension(ending)).expect("text")
    }

    pub fn client(&self) -> Client {
        Client::of(self.address)
    }

    pub fn json(&self, path: &str) -> Value {
        let answer = self.client().get(path);
        assert_eq!(answer.status, 200, "{path}");
        serde_json::from_slice(&answer.body).expect("JSON")
    }

    /// memprobe's report.
    pub fn report(&self) -> Report {
        Report(self.json("/debug/memprobe.json"))
    }

    /// The service's own counters.
    pub fn counters(&self) -> Value {
        self.json("/counters")
    }

    /// The functions whose calls run now, with the labels that they have passed.
    pub fn in_flight(&self) -> Vec<(String, String)> {
        let calls = self.json("/debug/memprobe/in_flight");
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let calls = calls.as_array().expect("a list").iter();
        calls.map(|call| (text(&call["function"]), text(&call["last_label"]))).collect()
    }

    /// How many calls of a function run now.
    pub fn running(&self, function: &str) -> usize {
        self.in_flight().iter().filter(|(name, _)| name == function).count()
    }

    /// Asks until there is an answer.
    pub fn wait_for<T>(&self, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(answer) = ask() {
                return answer;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{what}: {:?}", self.text("err"));
            thread::sleep(Duration::from_millis(1));
        }
    }

    pub fn wait_until_idle(&self) {
        self.wait_for("nothing runs", || self.in_flight().is_empty().then_some(()));
    }

    /// Asks it to end, as whoever runs containers does.
    pub fn terminate(&self) {
        let kill = format!("kill {}", self.process.id());
        let kill = Command::new("sh").args(["-c", &kill]).status();
        assert!(kill.expect("a shell").success());
    }

    pub fn ended(mut self) -> Ended {
        let status = self.process.wait().expect("an end");
        Ended { status, stdout: self.text("out"), stderr: self.text("err") }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A report as JSON.
pub struct Report(pub Value);

impl Report {
    pub fn function(&self, name: &str) -> &Value {
        let functions = self.0["functions"].as_array().expect("functions");
        functions.iter().find(|function| function["name"] == name).expect(name)
    }

    /// The function in whose calls all calls of a function are nested.
    pub fn parent(&self, function: &str) -> &str {
        let nodes = self.0["tree"].as_array().expect("a tree").iter();
        let of = |node: &&Value| {
            let children = node["children"].as_array().expect("children");
            children.iter().any(|child| child["function"] == function)
        };
        let parents: Vec<_> = nodes.filter(of).collect();
        let [parent] = parents[..] else { panic!("{function}: {parents:?}") };
        parent["function"].as_str().expect("a name")
    }

    pub fn segment(&self, function: &str, from: &str, label: &str) -> &Value {
        let function_row = self.function(function);
        let rows = |key: &str| function_row[key].as_array().expect("rows").iter();
        let is_it = |one: &&Value| one["from"] == from && one["label"] == label;
        rows("segments")
            .chain(rows("carried"))
            .find(is_it)
            .unwrap_or_else(|| panic!("{function}: {from} -> {label}"))
    }
}
