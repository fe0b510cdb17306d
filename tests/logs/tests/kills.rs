//! The log of each kind of kill that `tests/watch_oom.rs` has, with a kill's message behind it and
//! mixed with the lines of others, `LOG_MB` of them (8 if it is not set): `memprobe report` names who
//! took the memory. Skipped, with the reason, where no cgroup can be made.

use std::fmt::Write as _;
use std::io::{self, Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;

use memprobe_logs::model_of;
use memprobe_tests::cgroup::Cgroup;

const LIMIT: u64 = 128 << 20;

/// The scenarios of `victim.rs`, who is to blame, and what the sentence on it has.
const CULPRITS: [(&str, Option<&str>, &str); 17] = [
    ("one_of_many", Some("victim::culprit"), "running calls"),
    ("small_boxes", Some("victim::small_boxes"), "running calls"),
    ("huge", Some("victim::huge"), "running calls"),
    ("push", Some("victim::push"), "running calls"),
    ("no_probe", Some("victim::no_probe"), "running calls"),
    ("no_point", Some("victim::grows_and_stays"), "running calls"),
    ("blocking", Some("victim::blocking"), "running calls"),
    ("leaks", Some("victim::leaks"), "kept by finished calls"),
    ("nested_leaks", Some("victim::cache_put"), "kept by finished calls"),
    ("handed_out", Some("victim::remember"), "kept by finished calls"),
    ("handed_out_before", Some("victim::no_probe"), "running calls"),
    ("handed_over", Some("victim::remember"), "kept by finished calls"),
    ("equal", Some("victim::equal"), "running calls"),
    ("last_label", Some("victim::small_boxes"), "running calls"),
    ("not_annotated", None, "code without an attribute"),
    ("c_malloc", None, "outside jemalloc"),
    ("tmpfs", None, "outside the process"),
];

/// Lines of other programs, and of people who write about memprobe.
fn others() -> Vec<u8> {
    let mut lines = String::new();
    for at in 0..5000_u64 {
        let _ = match at % 5 {
            0 => writeln!(
                lines,
                "2026-11-25T14:00:04.{at:06}Z  INFO shop::http: request done status=200"
            ),
            1 => writeln!(lines, "installed memprobe, see https://example.org/memprobe?at={at}"),
            2 => writeln!(
                lines,
                "[{at}] signal handlers are set; outcome=\"returned\" label={{\"a\":1}}"
            ),
            3 => writeln!(
                lines,
                "thread 'main' panicked at src/{at}.rs: out of memory, said the cat"
            ),
            _ => writeln!(
                lines,
                "{{\"timestamp\":\"2026-11-25T14:00:04.{at:06}Z\",\"level\":\"INFO\",\"message\":\"request done\",\
                 \"path\":\"/api/v1/orders/{at}/items\",\"function\":\"handler\",\"peak\":{at}}}"
            ),
        };
    }
    lines.into_bytes()
}

/// A log with so many bytes of the others' lines between its own.
struct Mixed<'l> {
    own: Vec<&'l [u8]>,
    others: &'l [u8],
    /// How often `others` comes between two lines of its own.
    times: usize,
    /// The next line of its own, how often the others' came since the last, and where in what comes
    /// now.
    at: (usize, usize, usize),
}

impl<'l> Mixed<'l> {
    fn new(own: &'l [u8], others: &'l [u8], bytes: usize) -> Mixed<'l> {
        let own: Vec<_> = own.split_inclusive(|&byte| byte == b'\n').collect();
        let times = bytes.div_ceil(others.len() * own.len());
        Mixed { own, others, times, at: (0, 0, 0) }
    }
}

impl Read for Mixed<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (line, time, start) = self.at;
        let Some(own) = self.own.get(line) else { return Ok(0) };
        let now = if time < self.times { self.others } else { own };
        let count = into.len().min(now.len() - start);
        into[..count].copy_from_slice(&now[start..start + count]);
        self.at = match (start + count < now.len(), time < self.times) {
            (true, _) => (line, time, start + count),
            (false, true) => (line, time + 1, 0),
            (false, false) => (line + 1, 0, 0),
        };
        Ok(count)
    }
}

#[test]
fn the_report_names_the_culprit_of_each_kill() {
    let megabytes = std::env::var("LOG_MB").map_or(8, |it| it.parse().expect("a number"));
    let others = others();
    for (scenario, culprit, sentence) in CULPRITS {
        let group = match Cgroup::new(LIMIT) {
            Ok(group) => group,
            Err(why) => {
                // Not by a macro: the harness would show it only if the test failed.
                let _ = writeln!(io::stderr(), "SKIPPED {scenario}: {why}");
                return;
            }
        };
        let output = group.run(env!("CARGO_BIN_EXE_victim"), &[scenario]);
        assert_eq!(output.status.signal(), Some(9), "{scenario} is killed");
        let mut log = output.stdout;
        log.extend(&output.stderr);
        // What a Lambda's log has behind it.
        log.extend(b"RequestId: 8f3c Error: Runtime exited with error: signal: killed\n");
        let model = model_of(Mixed::new(&log, &others, megabytes * 1_000_000));
        assert_eq!(model.counts.unreadable, 0, "{scenario}: {:?}", model.unreadable);
        let [process] = &model.processes[..] else { panic!("{scenario}: one process") };
        let death = process.death.as_ref().expect("a kill");
        assert_eq!(death.words, "signal: killed", "{scenario}");
        let (crossing, _) = process.crossing.as_ref().expect("a crossing");
        let holder = crossing.holder().unwrap_or_else(|| panic!("{scenario}: {crossing:?}"));
        println!("{scenario}: {}", holder.text);
        assert_eq!(holder.function.as_deref(), culprit, "{scenario}: {crossing:?}");
        assert!(holder.text.contains(sentence), "{scenario}: {holder:?}");
        if scenario == "last_label" {
            let open: Vec<_> = process.open.values().collect();
            let [open] = &open[..] else { panic!("one call never ended: {open:?}") };
            assert_eq!((open.function, open.after), ("victim::small_boxes", "opened"));
        }
    }
}
