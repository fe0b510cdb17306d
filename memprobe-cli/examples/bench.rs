//! How fast a log is read, beside `grep` and `jq` on the same file:
//!
//! ```sh
//! cargo build --release -p memprobe-cli
//! cargo run --release -p memprobe-cli --example bench -- 512          # MiB of log
//! cargo run --release -p memprobe-cli --example bench -- 5120 mixed   # one of the logs
//! ```
//!
//! It makes three logs of that size from the kept ones: lines that are not ours, lines that are, and
//! both mixed, one of ours in twenty. Each is read by the program as it is built beside this one.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const OURS: &str = include_str!("../tests/logs/json-flat.log");

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let size = arguments.next().and_then(|size| size.parse().ok()).unwrap_or(512_u64) << 20;
    let only = arguments.next();
    let folder: PathBuf = std::env::temp_dir();
    let program = std::env::current_exe()?;
    let program = program.ancestors().nth(2).unwrap_or(Path::new("")).join("memprobe");
    if !program.is_file() {
        let why = "the command is not built: `cargo build --release -p memprobe-cli` first";
        return Err(io::Error::other(why));
    }
    println!(
        "{:8} {:34} {:>9} {:>11} {:>11}",
        "log", "command", "MB/s", "MB/s a core", "max RSS MiB"
    );
    for (name, ours) in [("others", 0), ("mixed", 20), ("ours", 1)] {
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let path = folder.join(format!("memprobe-bench-{name}.log"));
        write(&path, size, ours)?;
        let file = path.to_string_lossy().into_owned();
        let bytes = std::fs::metadata(&path)?.len();
        measure(name, bytes, &program.to_string_lossy(), &["report", "--json", &file]);
        measure(name, bytes, "grep", &["-c", "memprobe", &file]);
        if size <= 1 << 30 {
            measure(
                name,
                bytes,
                "jq",
                &["-c", "select(.memprobe == \"exit\") | .call_peak", &file],
            );
        }
        std::fs::remove_file(&path)?;
    }
    Ok(())
}

/// Writes a log in which one line of so many is ours; 0 for none.
fn write(path: &Path, size: u64, one_of: u64) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let is_ours = |line: &&str| line.contains("\"memprobe\":\"");
    let ours: Vec<&str> = OURS.lines().filter(is_ours).collect();
    // Calls follow each other: ids and uptimes go up.
    let (mut written, mut at, mut round) = (0, 0_u64, 0_u64);
    let mut next = 0;
    while written < size {
        at += 1;
        let line = if one_of > 0 && at % one_of == 0 {
            let line = again(ours[next], round);
            next += 1;
            if next == ours.len() {
                (next, round) = (0, round + 1);
            }
            line
        } else {
            format!(
                "{{\"timestamp\":\"2026-11-25T14:00:04.{:06}Z\",\"level\":\"INFO\",\"message\":\"request done\",\
                 \"method\":\"GET\",\"path\":\"/api/v1/orders/{at}/items\",\"status\":200,\"latency_ms\":{},\
                 \"remote\":\"10.1.{}.{}\",\"user_agent\":\"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 \
                 Firefox/128.0\",\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e{:04x}\",\"target\":\"shop::http\"}}",
                at % 1_000_000,
                at % 250,
                at % 256,
                at / 256 % 256,
                at % 65536
            )
        };
        out.write_all(line.as_bytes())?;
        out.write_all(b"\n")?;
        written += line.len() as u64 + 1;
    }
    out.flush()
}

/// Returns a line of a later round: all calls again, with further ids and at a later time.
fn again(line: &str, round: u64) -> String {
    /// Time that a round takes, in µs.
    const ROUND: u64 = 100_000;
    let mut line = line.to_owned();
    let mut replace = |key: &str, with: &dyn Fn(&str) -> Option<String>| {
        let Some(start) = line.find(key).map(|start| start + key.len()) else { return };
        let end = line[start..].find(['"', ',', '}']).map_or(line.len(), |end| start + end);
        if let Some(value) = with(&line[start..end]) {
            line.replace_range(start..end, &value);
        }
    };
    for (key, step) in [("\"call_id\":", 1000), ("\"parent_id\":", 1000), ("\"uptime_us\":", ROUND)]
    {
        replace(key, &|value| Some((value.parse::<u64>().ok()? + round * step).to_string()));
    }
    replace("\"timestamp\":\"", &|value| {
        let time: jiff::Timestamp = value.parse().ok()?;
        let later = jiff::SignedDuration::from_micros(i64::try_from(round * ROUND).ok()?);
        Some(time.checked_add(later).ok()?.to_string())
    });
    line
}

/// Runs a command and prints how fast it was, by the clock and by the time of its cores.
fn measure(log: &str, bytes: u64, program: &str, arguments: &[&str]) {
    // Into a pipe: grep ends at the first line that it finds where its output is thrown away.
    let started = Instant::now();
    let child = Command::new("bash")
        .args(["-c", "TIMEFORMAT='%U %S'; { time \"$@\"; } | cat > /dev/null", "-"])
        .arg(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(child) = child else { return println!("{log:8} {program}: not there") };
    let peak = peak_of_children(child.id());
    let Ok(output) = child.wait_with_output() else { return };
    let took = started.elapsed().as_secs_f64();
    let told = String::from_utf8_lossy(&output.stderr);
    let core: f64 = told
        .lines()
        .last()
        .map_or(0.0, |line| line.split(' ').filter_map(|it| it.parse::<f64>().ok()).sum());
    let name = Path::new(program).file_name().unwrap_or_default().to_string_lossy();
    let mega = bytes as f64 / 1e6;
    let rss = peak
        .join()
        .ok()
        .flatten()
        .map_or(String::new(), |kib| format!("{:.0}", kib as f64 / 1024.0));
    println!(
        "{log:8} {:34} {:9.0} {:11.0} {rss:>11}",
        format!("{name} {}", arguments[..arguments.len() - 1].join(" "))
            .chars()
            .take(34)
            .collect::<String>(),
        mega / took,
        mega / core.max(0.001)
    );
}

/// Watches the highest resident set of the processes that a process started, in KiB.
fn peak_of_children(parent: u32) -> std::thread::JoinHandle<Option<u64>> {
    std::thread::spawn(move || {
        let mut highest = None;
        let children = |parent: &str| {
            std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))
        };
        while let Ok(direct) = children(&parent.to_string()) {
            // The part of a pipe before `cat` is in a shell of its own.
            let further: String =
                direct.split_whitespace().filter_map(|child| children(child).ok()).collect();
            for child in direct.split_whitespace().chain(further.split_whitespace()) {
                let status =
                    std::fs::read_to_string(format!("/proc/{child}/status")).unwrap_or_default();
                let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
                let kib = line.and_then(|line| line.trim().split(' ').next()?.parse().ok());
                highest = kib.max(highest);
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        highest
    })
}
