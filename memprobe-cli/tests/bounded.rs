//! What a log of whatever size and kind can take of memory is bounded.

mod common;

use std::fmt::Write as _;

use common::{model, model_within};
use memprobe_cli::model::Limits;

const LIMITS: Limits = Limits { processes: 40, rows: 3000, open: 500 };

fn exit(id: u64, function: &str, label: &str, uptime: u64) -> String {
    format!(
        "{{\"fields\":{{\"memprobe\":\"exit\",\"function\":\"{function}\",\"from\":\"entry\",\"label\":\"{label}\",\
         \"call_id\":{id},\"uptime_us\":{uptime},\"peak\":1,\"net\":1,\"held\":1,\"allocated\":1,\"freed\":0,\
         \"outcome\":\"returned\",\"duration_us\":1,\"call_peak\":1,\"call_net\":1,\"call_allocated\":1,\
         \"call_freed\":0}}}}\n"
    )
}

fn entry(id: u64, function: &str, uptime: u64) -> String {
    format!(
        "{{\"fields\":{{\"memprobe\":\"entry\",\"function\":\"{function}\",\"call_id\":{id},\"uptime_us\":{uptime}}}}}\n"
    )
}

#[test]
fn calls_that_never_end_are_kept_up_to_a_bound_and_then_counted() {
    let mut log = String::new();
    let all = LIMITS.open as u64 + 700;
    for id in 0..all {
        log += &entry(id, "a::f", id);
    }
    let (model, extent) = model_within(log.as_bytes(), LIMITS);
    assert_eq!(extent.lines, all);
    let open: usize = model.processes.iter().map(|process| process.open.len()).sum();
    assert_eq!(open, LIMITS.open);
    assert_eq!(model.counts.events, all);
    assert_eq!(model.counts.beyond_room, 700);
}

#[test]
fn functions_and_labels_that_never_repeat_are_summed_up_to_a_bound() {
    let mut log = String::new();
    let all = 4000_u64;
    for id in 0..all {
        log += &exit(id, &format!("a::f{id}"), &format!("l{id}"), id);
    }
    let (model, _) = model_within(log.as_bytes(), LIMITS);
    let rows: usize = model.processes.iter().map(|process| process.builder.rows()).sum();
    // One event adds a context, a segment and a call.
    assert!(rows <= LIMITS.rows + 3, "{rows}");
    assert_eq!(model.counts.events, all);
    let summed: u64 =
        model.processes[0].builder.report().functions.iter().map(|it| it.outcomes.calls()).sum();
    assert_eq!(summed + model.counts.beyond_room, all);
    assert!(model.counts.beyond_room > 2000, "{:?}", model.counts);
}

#[test]
fn processes_are_told_apart_up_to_a_bound() {
    let mut log = String::new();
    for at in 0..LIMITS.processes as u64 + 50 {
        let inner = exit(1, "a::f", "return", 1000 + at).trim_end().to_owned();
        let inner = inner.replace('"', "\\\"");
        writeln!(log, "{{\"pod\":\"p{at}\",\"message\":\"{inner}\"}}").expect("memory");
    }
    let (model, _) = model_within(log.as_bytes(), LIMITS);
    assert_eq!(model.processes.len(), LIMITS.processes);
    let calls: u64 = model
        .processes
        .iter()
        .flat_map(|process| process.builder.report().functions)
        .map(|function| function.outcomes.calls())
        .sum();
    assert_eq!(calls, LIMITS.processes as u64 + 50, "none is lost");
}

#[test]
fn a_line_without_an_end_is_passed_over_and_told_of() {
    let mut log = "x".repeat(40 << 20);
    log += " memprobe=\"entry\"\n";
    log += &exit(1, "a::f", "return", 1000);
    let (model, extent) = model(log.as_bytes());
    assert_eq!(extent.lines, 2);
    assert_eq!((model.counts.events, model.counts.unreadable), (1, 1));
    assert_eq!(model.unreadable[0].place.line, 1);
}

#[test]
fn brackets_that_are_never_closed_are_read_by_lines() {
    let exit = exit(1, "a::f", "return", 1000);
    for open in ["[", "{\"a\":", "[\n", "{\"a\":\n", "[{\"events\":[{", "[1,\n[1,\n", "\"\n", "{\n"]
    {
        let log = format!("[{}\n{exit}", open.repeat(1_000_000));
        let (model, _) = model(log.as_bytes());
        assert_eq!(model.counts.events, 1, "{open}");
    }
}

#[test]
fn one_call_with_very_many_segments_keeps_the_first_ones() {
    let mut log = entry(1, "a::f", 1);
    for at in 0..10_000 {
        let line = exit(1, "a::f", "again", 2 + at).replace("\"exit\"", "\"probe\"");
        log += &line;
    }
    log += &exit(1, "a::f", "return", 20_000);
    let (model, _) = model(log.as_bytes());
    let calls = model.heaviest.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].segments.len(), 64);
    let report = model.processes[0].builder.report();
    assert_eq!(report.functions[0].segments.iter().map(|it| it.count).sum::<u64>(), 10_001);
}

#[test]
fn beyond_the_bound_on_rows_only_further_rows_are_left_out() {
    let limits = Limits { rows: 50, ..LIMITS };
    let mut log = entry(1, "a::main", 0) + &entry(2, "a::f", 1) + &exit(2, "a::f", "return", 2);
    for id in 3..103 {
        log += &exit(id, &format!("a::f{id}"), "return", id);
    }
    // A row that is there, a call whose exit has no row, and a call that would need one.
    log += &(entry(200, "a::f", 200) + &exit(200, "a::f", "return", 201));
    log += &(exit(1, "a::main", "panic", 202) + &entry(201, "a::late", 203));
    let (model, _) = model_within(log.as_bytes(), limits);
    let process = &model.processes[0];
    let report = process.builder.report();
    let f = report.functions.iter().find(|function| function.name == "a::f").expect("a row");
    assert_eq!(f.outcomes.calls(), 2);
    assert!(process.open.is_empty(), "a call that has ended never seems to run");
    assert!(model.counts.beyond_room > 50, "{:?}", model.counts);
}
