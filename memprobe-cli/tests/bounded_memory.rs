//! A line takes little memory, whatever it has. The program is run by itself, and its highest resident
//! set is read: this file has no other test, because that is one figure of all children.
#![cfg(target_os = "linux")]

mod common;

use common::{run, shown, text};

#[test]
fn a_line_of_many_lists_takes_no_more_memory_than_its_own_length_some_times() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("app.log");
    let lists = "[{\"\":0},[{}]],".repeat(1_000_000);
    std::fs::write(&file, format!("{{\"memprobe\":\"x\",\"a\":[{lists}[]]}}\n{WATCH}\n"))
        .expect("a file");
    let output = run(&["report", shown(&file)]);
    assert!(text(&output).contains("1 line of ours that cannot be read"), "{output:?}");
    // SAFETY: all of its fields are numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: it is written to for the length of the call.
    assert_eq!(unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage) }, 0);
    let highest = usage.ru_maxrss >> 10;
    assert!(highest < 150, "{highest} MiB for a line of 15 MB");
}

const WATCH: &str = "memprobe: threshold=95% pid=1 limit=128.0MiB estimate=122.0MiB rss=120.0MiB";
