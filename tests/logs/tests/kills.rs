//! The log of each kind of kill that `tests/watch_oom.rs` has, with a kill's message behind it:
//! `memprobe report` names who took the memory. Skipped, with the reason, where no cgroup can be
//! made.

use std::io::{self, Write as _};
use std::os::unix::process::ExitStatusExt as _;

use memprobe_logs::model;
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

#[test]
fn the_report_names_the_culprit_of_each_kill() {
    let folder = tempfile::tempdir().expect("a folder");
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
        let path = folder.path().join(format!("{scenario}.log"));
        let mut log = output.stdout;
        log.extend(&output.stderr);
        // What a Lambda's log has behind it.
        log.extend(b"RequestId: 8f3c Error: Runtime exited with error: signal: killed\n");
        std::fs::write(&path, log).expect("a file");
        let model = model(&path);
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
