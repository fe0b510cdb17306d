//! Heap profiles: where, how many, what the events say of them, and why there are none.

mod program;

use std::fs;
use std::process::Command;

use program::{Directory, SAMPLE, run};
use serde_json::Value;

#[test]
fn a_bound_and_a_mark_have_a_profile_each_and_no_more_than_allowed() {
    let directory = Directory::new("profiles");
    let events = run(&directory.0, SAMPLE);
    let names = directory.files();
    let labels: Vec<_> =
        names.iter().map(|name| name.splitn(3, '.').nth(2).expect("a name")).collect();
    assert_eq!(
        labels,
        ["1.read.heap", "2.return.heap", "3.entry.heap"],
        "at most three: {names:?}"
    );
    assert_eq!(events.len(), 3, "{events:#?}");
    for (event, name) in events.iter().zip(&names) {
        let file = directory.0.join(name);
        assert_eq!(event["memprobe"], "profile");
        assert_eq!(event["file"].as_str(), file.to_str());
        let message = event["message"].as_str().expect("a message");
        assert!(
            message.contains("`jeprof --text --cum --lines /") && message.contains(name.as_str()),
            "{message}"
        );
        let profile = fs::read_to_string(&file).expect("a profile");
        assert!(profile.starts_with("heap_v2/4096\n"), "jemalloc's format");
        assert!(profile.contains("MAPPED_LIBRARIES:"), "whole");
    }
    let told = |at: usize| (&events[at]["function"], &events[at]["label"]);
    assert_eq!(told(0), (&"load".into(), &"read".into()));
    assert_eq!(told(1), (&"load".into(), &"return".into()));
    assert_eq!(told(2), (&"memprobe_profiling::crowded".into(), &"entry".into()));
}

#[test]
fn without_sampling_one_event_says_what_to_do() {
    let directory = Directory::new("no-profiles");
    let events = run(&directory.0, "");
    let [event] = &events[..] else { panic!("one event: {events:#?}") };
    assert_eq!(event["memprobe"], "warning");
    let message = event["message"].as_str().expect("a message");
    assert!(message.contains("_RJEM_MALLOC_CONF=prof:true"), "{message}");
    assert_eq!(directory.files(), Vec::<String>::new());
}

#[test]
fn nothing_is_written_to_a_full_disk() {
    let directory = Directory::new("full");
    fs::create_dir(&directory.0).expect("a directory");
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=8m", "memprobe"])
        .arg(&directory.0)
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), "SKIPPED: no small disk can be mounted");
        return;
    }
    let events = std::panic::catch_unwind(|| run(&directory.0, SAMPLE));
    let files = directory.files();
    let unmounted = Command::new("umount").arg(&directory.0).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
    assert_eq!(files, Vec::<String>::new());
    let events = events.expect("the program runs");
    assert_eq!(events.len(), 3);
    for event in &events {
        assert_eq!(event["file"], Value::Null);
        assert!(event["message"].as_str().is_some_and(|m| m.contains("less than 32 MiB left")));
    }
}
