//! A program whose name is cut inside a letter, in a container with a `/proc/uptime` of its own.

use std::fs;
use std::process::Command;
use std::time::Instant;

use memprobe::probe;
use memprobe_tests::record::{self, Recorder};

/// Age of this process, by the one clock that a container does not change.
fn age_us() -> i64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes one `timespec`.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut now) }, 0);
    let stat = fs::read("/proc/self/stat").expect("/proc");
    let stat = String::from_utf8_lossy(&stat);
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let ticks: i64 = fields.split_whitespace().nth(19).expect("field 22").parse().expect("ticks");
    now.tv_sec * 1_000_000 + now.tv_nsec / 1000 - ticks * 10_000
}

#[test]
fn neither_costs_a_figure() {
    const INSIDE: &str = "MEMPROBE_TEST_IN_A_CONTAINER";
    if std::env::var_os(INSIDE).is_none() {
        // As lxcfs does it: the container has begun a second after the machine.
        let fake = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("uptime");
        fs::write(&fake, "1.00 1.00\n").expect("a file");
        let script = "mount --bind \"$1\" /proc/uptime && exec \"$0\" --nocapture";
        let this = std::env::current_exe().expect("this test");
        let output = Command::new("unshare")
            .args(["--mount", "sh", "-c", script])
            .args([this.as_os_str(), fake.as_os_str()])
            .env(INSIDE, "1")
            .output();
        match output {
            Ok(output) if output.status.code() == Some(1) || output.status.code() == Some(32) => {
                println!("no container can be made: {output:?}");
            }
            Ok(output) => return assert!(output.status.success(), "{output:?}"),
            Err(why) => println!("no container can be made: {why}"),
        }
    }
    fs::write("/proc/self/comm", b"thumbnailer-t\xc3\xb6\xc3").expect("a name");
    assert!(memprobe::process().peak_rss.is_some_and(|highest| highest > 0));

    Recorder::install();
    let (before, start) = (age_us(), Instant::now());
    probe!("named");
    let events = record::take();
    let event = events.iter().find(|event| event.get("label") == Some("named")).expect("one");
    let most = before + start.elapsed().as_micros() as i64 + 20_000;
    let uptime = event.number("uptime_us");
    assert!((before - 20_000..=most).contains(&uptime), "{before} <= {uptime} <= {most}");
}
