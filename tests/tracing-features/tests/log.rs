//! `tracing`'s `log` bridge and its static maximum level, which live in its macros.

use std::sync::Mutex;

use log::{LevelFilter, Log, Metadata, Record};
use memprobe::{memprobe, probe};

memprobe::global_allocator!();

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Logger;

impl Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = format!("{} {} {}", record.level(), record.target(), record.args());
        LINES.lock().expect("no panic").push(line);
    }

    fn flush(&self) {}
}

#[memprobe(rate = 0)]
fn handler() {
    probe!("middle", rows = 3);
}

#[memprobe(rate = 0, level = "debug")]
fn detail() {}

fn lines() -> Vec<String> {
    std::mem::take(&mut *LINES.lock().expect("no panic"))
}

#[test]
fn the_log_bridge_and_the_static_level_are_honoured() {
    log::set_logger(&Logger).expect("the only logger");
    log::set_max_level(LevelFilter::Off);
    handler();
    assert!(lines().is_empty(), "log takes nothing");

    log::set_max_level(LevelFilter::Trace);
    handler();
    let seen = lines();
    assert_eq!(seen.len(), 3, "{seen:#?}");
    assert!(seen[0].starts_with("INFO memprobe::log handler: entered; rss "), "{seen:#?}");
    assert!(seen[1].contains("handler: entry -> middle: peak "), "{seen:#?}");
    assert!(seen[1].contains("rows=3"), "{seen:#?}");
    assert!(seen[2].contains("handler: returned after "), "{seen:#?}");

    detail();
    assert!(lines().is_empty(), "DEBUG is compiled out by max_level_info");
}
