//! Heap profiles in the format of pprof, as `go tool pprof` reads them.

mod program;

use std::process::Command;

use program::{Directory, SAMPLE, run};

#[test]
fn a_profile_is_written_as_pprof_too_and_go_reads_it() {
    let directory = Directory::new("pprof");
    let events = run(&directory.0, SAMPLE);
    let names = directory.files();
    let ending = |ending: &str| names.iter().filter(|name| name.ends_with(ending)).count();
    assert_eq!((ending(".heap"), ending(".pb.gz"), names.len()), (3, 3, 6), "{names:?}");
    let told: Vec<_> = events
        .iter()
        .filter_map(|event| Some((event["message"].as_str()?, event["file"].as_str()?)))
        .filter(|(_, file)| file.ends_with(".pb.gz"))
        .collect();
    assert_eq!(told.len(), 3, "{events:#?}");
    for (message, file) in &told {
        let command = format!("open it with `go tool pprof -http=: {file}`");
        assert!(message.starts_with("heap profile of ") && message.contains(&command), "{message}");
    }

    let (_, crowded) = told.iter().find(|(_, file)| file.contains(".entry.")).expect("one");
    let go = |arguments: &[&str]| {
        // It is not there on every machine.
        let output =
            Command::new("go").args(["tool", "pprof"]).args(arguments).arg(crowded).output();
        let output = output.ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let Some(top) = go(&["-top", "-cum", "-unit=mb"]) else {
        eprintln!("SKIPPED no `go tool pprof` is installed");
        return;
    };
    assert!(top.contains("Type: inuse_space"), "{top}");
    let cumulative = |function: &str| {
        let line = top.lines().find(|line| line.ends_with(function));
        let columns = line.unwrap_or_else(|| panic!("{function} in {top}")).split_whitespace();
        let bytes = columns.clone().nth(3).and_then(|text| text.strip_suffix("MB"));
        bytes.and_then(|text| text.parse::<f64>().ok()).expect("a size")
    };
    // The block of `crowded`, 60 MiB, which jemalloc rounds up to 64 where it samples it.
    assert!((59.9..65.0).contains(&cumulative("memprobe_profiling::crowded")), "{top}");
    assert!((59.9..65.0).contains(&cumulative("memprobe_profiling::main")), "{top}");
    assert!(!top.contains("_rjem_"), "without the allocator's own functions: {top}");

    let lines = go(&["-lines", "-top", "-cum"]).expect("lines");
    assert!(lines.contains("memprobe_profiling::crowded") && lines.contains("main.rs:"), "{lines}");
    let tags = go(&["-tags", "-unit=mb"]).expect("tags");
    assert!(tags.contains("function") && tags.contains("memprobe_profiling::crowded"), "{tags}");
    let label = tags.split("label").nth(1).expect("a tag");
    assert!(label.contains("100%") && label.contains("entry"), "{tags}");
    let focused = go(&["-top", "-tagfocus=label=entry"]).expect("focused");
    assert!(focused.contains("memprobe_profiling::crowded"), "{focused}");
}
