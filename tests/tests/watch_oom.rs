//! Real kills by the kernel: what a process that ran into the limit of its cgroup has left on
//! stderr. Skipped, with the reason, where no cgroup can be made.

use std::io::{self, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::Output;

use memprobe_tests::cgroup::Cgroup;
use memprobe_tests::pages::{in_pages, page};
use memprobe_tests::watch_line::{self, Line, mib};

const LIMIT: u64 = 128 << 20;

fn run(arguments: &[&str]) -> Option<Output> {
    run_program(env!("CARGO_BIN_EXE_victim"), arguments)
}

/// Runs a victim in a group of its own; `None`, and a reason, where there can be none.
fn run_program(program: &str, arguments: &[&str]) -> Option<Output> {
    match Cgroup::new(LIMIT) {
        Ok(group) => Some(group.run(program, arguments)),
        Err(why) => {
            // Not by a macro: the harness would show it only if the test failed.
            let _ = writeln!(io::stderr(), "SKIPPED {arguments:?}: {why}");
            None
        }
    }
}

/// The last line that a victim wrote before the kernel killed it.
fn last_line(arguments: &[&str]) -> Option<Line> {
    let output = run(arguments)?;
    Some(last_line_of(arguments, &output))
}

fn last_line_of(arguments: &[&str], output: &Output) -> Line {
    let stderr = String::from_utf8_lossy(&output.stderr);
    // A shell says 137.
    assert_eq!(output.status.signal(), Some(9), "{arguments:?} is killed: {stderr}");
    let lines = watch_line::lines(&output.stderr);
    println!("{arguments:?}\n{stderr}");
    let last = lines.last().unwrap_or_else(|| panic!("{arguments:?} left no line: {stderr}"));
    assert_eq!(last.get("limit"), "128.0MiB");
    last.clone()
}

/// What is said of the function that holds the most.
fn first<'a>(line: &'a Line, key: &str) -> &'a str {
    line.items(key).first().copied().unwrap_or_default()
}

fn is_held_by(line: &Line, function: &str, label: &str) -> bool {
    let first = first(line, "running");
    first.starts_with(&format!("victim::{function} "))
        && first.contains(&format!("after '{label}'"))
        && mib(first).is_some_and(|held| held > 60.0)
}

#[test]
fn the_one_task_of_a_hundred_is_named_in_a_hundred_of_a_hundred_kills() {
    let mut named = 0;
    let mut bystanders = 0;
    for _ in 0..100 {
        let Some(line) = last_line(&["one_of_many"]) else { return };
        named += u32::from(is_held_by(&line, "culprit", "loaded"));
        bystanders += u32::from(line.get("by") == "victim::bystander");
        assert!(line.get("running").contains("victim::bystander x99 "), "{line:?}");
    }
    println!("{named} of 100 kills named the culprit; {bystanders} times a bystander had asked");
    assert_eq!(named, 100);
}

#[test]
fn many_small_allocations() {
    let Some(line) = last_line(&["small_boxes"]) else { return };
    assert!(is_held_by(&line, "small_boxes", "opened"), "{line:?}");
    assert_eq!((line.get("by"), line.get("after")), ("victim::small_boxes", "opened"));
    assert_eq!(line.get("threshold"), "95%");
    // An interval, or the list of the boxes that grows.
    assert!(line.mib("asked") >= 0.5 && line.mib("asked") < 10.0, "{line:?}");
}

#[test]
fn one_huge_allocation_is_told_before_it_is_touched() {
    let Some(line) = last_line(&["huge"]) else { return };
    assert!(is_held_by(&line, "huge", "sized"), "{line:?}");
    assert_eq!(line.get("threshold"), "95%", "a jump over all thresholds");
    assert!(line.mib("asked") >= 400.0 && line.mib("estimate") >= 400.0, "{line:?}");
    assert!(line.mib("rss") < 30.0, "nothing is touched yet: {line:?}");
}

#[test]
fn a_vec_that_grows_by_push_from_every_small_capacity() {
    for capacity in 0..=17 {
        let Some(line) = last_line(&["push", &capacity.to_string()]) else { return };
        let (by, after) = (line.get("by"), line.get("after"));
        assert_eq!((by, after), ("victim::push", "opened"), "{line:?}");
        // The block that is grown, and the one that it is copied to.
        let (held, asked) = (mib(first(&line, "running")), line.mib("asked"));
        assert!(held.is_some_and(|held| held + asked > 0.75 * 128.0), "{line:?}");
    }
}

#[test]
fn a_function_with_no_probe() {
    let Some(line) = last_line(&["no_probe"]) else { return };
    assert!(is_held_by(&line, "no_probe", "entry"), "{line:?}");
}

#[test]
fn a_call_that_comes_to_no_point_is_shown_as_of_its_last_interval() {
    let Some(line) = last_line(&["no_point"]) else { return };
    assert_eq!(line.get("by"), "victim::creeps", "a bystander: {line:?}");
    assert!(is_held_by(&line, "grows_and_stays", "entry"), "{line:?}");
    // 720 blocks of 112 KiB, and the list of them.
    let held = mib(first(&line, "running")).expect("a figure");
    assert!((78.75 - 0.5..79.0).contains(&held), "{line:?}");
}

#[test]
fn on_a_blocking_thread() {
    let Some(line) = last_line(&["blocking"]) else { return };
    assert!(is_held_by(&line, "blocking", "unpacking"), "{line:?}");
}

#[test]
fn ten_thousand_finished_calls_that_leaked() {
    let Some(line) = last_line(&["leaks"]) else { return };
    let kept = line.get("kept_by_finished_calls");
    assert!(kept.starts_with("victim::leaks "), "{line:?}");
    assert!(mib(kept).is_some_and(|kept| kept > 90.0), "{line:?}");
}

#[test]
fn a_leak_in_a_nested_call_is_not_blamed_on_one_that_returns_its_memory() {
    let Some(line) = last_line(&["nested_leaks"]) else { return };
    let kept = line.get("kept_by_finished_calls");
    assert!(kept.starts_with("victim::handler "), "{line:?}");
    assert!(kept.ends_with(" (most in victim::cache_put)"), "{line:?}");
    assert!(mib(kept).is_some_and(|kept| kept > 90.0), "{line:?}");
}

/// What finished calls have kept, by function: the bytes, or at most so many.
fn kept(line: &Line) -> Vec<(&str, &str)> {
    let items = line.get("kept_by_finished_calls").split(", ");
    items.map(|item| item.split_once(' ').unwrap_or((item, ""))).collect()
}

/// The figures of a line go together: exact ones, with the largest bound.
fn assert_fits(line: &Line) {
    let kept = kept(line);
    let bounds = || kept.iter().map(|(_, held)| *held).chain([line.get("not_in_annotated_code")]);
    let is_bound = |held: &&str| held.starts_with("<=");
    let exact: f64 = bounds().filter(|held| !is_bound(held)).filter_map(mib).sum();
    let bound = bounds().filter(is_bound).filter_map(mib).fold(0.0, f64::max);
    let running: f64 = line.items("running").iter().filter_map(|item| mib(item)).sum();
    // Each is rounded.
    assert!(running + exact + bound <= line.mib("active") + 0.5, "{line:?}");
}

#[test]
fn results_that_are_freed_elsewhere_come_behind_a_leak() {
    let Some(line) = last_line(&["handed_out"]) else { return };
    let [remember, index, ref others @ ..] = kept(&line)[..] else { panic!("{line:?}") };
    assert_eq!((remember.0, index), ("victim::remember", ("victim::build_index", "8.0MiB")));
    assert!(mib(remember.1).is_some_and(|kept| kept > 90.0), "{line:?}");
    assert!(!remember.1.starts_with("<="), "{line:?}");
    assert!(others.iter().all(|(_, held)| held.starts_with("<=")), "{line:?}");
    // The bodies were freed in `upload`, and allocated where nobody counts. Large pages are less full.
    let most = if page() > 4096 { 30.0 } else { 20.0 };
    assert!(line.mib("not_in_annotated_code") < most, "{line:?}");
    assert_fits(&line);
}

#[test]
fn results_that_were_freed_before_come_behind_a_smaller_leak() {
    let Some(line) = last_line(&["handed_out_before"]) else { return };
    assert!(is_held_by(&line, "no_probe", "entry"), "{line:?}");
    let kept = kept(&line);
    assert_eq!(kept[0].0, "victim::remember", "{line:?}");
    let remembered = 100.0 * in_pages(300 << 10) as f64 / f64::from(1 << 20);
    assert!(mib(kept[0].1).is_some_and(|kept| (kept - remembered).abs() < 0.1), "{line:?}");
    assert!(kept[1..].iter().all(|(_, held)| held.starts_with("<=")), "{line:?}");
    assert_fits(&line);
}

#[test]
fn a_call_that_hands_all_over_has_no_figure_that_cannot_be() {
    let Some(line) = last_line(&["handed_over"]) else { return };
    // The thread that remembers may be at it just now.
    let running = line.get("running");
    let serve = running.split_once("victim::serve").map(|(_, serve)| serve);
    assert!(serve.is_some_and(|serve| serve.starts_with(" (")), "no bytes: {line:?}");
    let remember = kept(&line)[0];
    assert_eq!(remember.0, "victim::remember", "{line:?}");
    assert!(mib(remember.1).is_some_and(|kept| kept > 80.0), "{line:?}");
    assert!(!remember.1.starts_with("<="), "{line:?}");
    assert_fits(&line);
}

#[test]
fn the_highest_mark_speaks_until_the_kill() {
    let Some(output) = run(&["no_probe"]) else { return };
    let last = last_line_of(&["no_probe"], &output);
    let lines = watch_line::lines(&output.stderr);
    let highest: Vec<_> = lines.iter().filter(|line| line.get("threshold") == "95%").collect();
    assert!((3..60).contains(&highest.len()), "{highest:#?}");
    for pair in highest.windows(2) {
        // 2 % of the limit, and what an estimate may be off.
        let step = pair[1].mib("estimate") - pair[0].mib("estimate");
        assert!((0.1..8.0).contains(&step), "{pair:#?}");
        assert!(pair[0].get("at") <= pair[1].get("at"), "{pair:#?}");
    }
    assert!(last.mib("estimate") > 0.98 * 128.0, "close to the kill: {last:?}");
}

#[test]
fn a_hundred_equal_calls_at_once() {
    let Some(line) = last_line(&["equal"]) else { return };
    let first = first(&line, "running");
    assert!(first.starts_with("victim::equal x100 "), "{line:?}");
    assert!(mib(first).is_some_and(|held| held > 80.0), "{line:?}");
}

#[test]
fn code_that_is_not_annotated_is_said_to_be_so() {
    let Some(line) = last_line(&["not_annotated"]) else { return };
    assert_eq!(line.get("by"), "(not annotated)");
    assert!(line.mib("not_in_annotated_code") > 90.0, "{line:?}");
    assert_eq!((line.get("running"), line.get("kept_by_finished_calls")), ("", ""));
}

#[test]
fn growth_outside_jemalloc_is_said_to_be_so() {
    let Some(line) = last_line(&["c_malloc"]) else { return };
    assert!(line.mib("outside_jemalloc") > 90.0, "{line:?}");
    assert!(line.mib("active") < 10.0 && line.get("by").is_empty(), "{line:?}");
    assert!(line.get("running").starts_with("victim::c_malloc "), "who ran then: {line:?}");
}

#[test]
fn growth_in_tmpfs_is_said_to_be_so() {
    let Some(line) = last_line(&["tmpfs"]) else { return };
    assert!(line.mib("outside_process") > 85.0 && line.mib("cgroup") > 100.0, "{line:?}");
    assert!(line.mib("rss") < 30.0, "{line:?}");
}

#[test]
fn the_last_label_is_in_the_log() {
    let Some(output) = run(&["last_label"]) else { return };
    let line = last_line_of(&["last_label"], &output);
    assert!(is_held_by(&line, "small_boxes", "opened"), "{line:?}");
    let log = String::from_utf8(output.stdout).expect("text");
    let last = log.lines().last().unwrap_or_default();
    assert!(last.contains("small_boxes: entry -> opened"), "{log}");
}

#[test]
fn a_reservation_larger_than_the_limit_is_no_kill() {
    let Some(output) = run(&["reservation"]) else { return };
    assert!(output.status.success(), "{output:?}");
    let lines = watch_line::lines(&output.stderr);
    let [line] = &lines[..] else { panic!("one line: {lines:?}") };
    assert!(line.mib("active") >= 400.0 && line.mib("asked") >= 400.0, "requested: {line:?}");
    assert!(line.mib("rss") < 30.0, "resident: {line:?}");
}

#[test]
fn the_session_of_the_documentation() {
    let documentation = include_str!("../../docs/oom.md");
    assert!(documentation.contains(include_str!("../src/bin/thumbs.rs")), "it shows the program");
    let Some(output) = run_program(env!("CARGO_BIN_EXE_thumbs"), &[]) else { return };
    let line = last_line_of(&["thumbs"], &output);
    let first = first(&line, "running");
    assert!(first.starts_with("thumbs::thumbnail x40 "), "{line:?}");
    assert!(first.ends_with("after 'shrunk'"), "{line:?}");
    assert!(mib(first).is_some_and(|held| held > 80.0), "{line:?}");
}
