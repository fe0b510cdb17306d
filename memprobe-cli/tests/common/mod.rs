//! The kept logs, which `tests/logs` writes, and a model of one.
#![allow(dead_code, reason = "each test uses its part")]

use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use memprobe_cli::input::{self, Extent};
use memprobe_cli::model::{Filter, Heaviest, Limits, Model, Order};
use memprobe_cli::parse::origin::Origin;
use serde_json::Value;

pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/logs").join(name)
}

pub fn log(name: &str) -> String {
    std::fs::read_to_string(path(name)).expect(name)
}

pub fn all() -> Vec<(String, String)> {
    let files = std::fs::read_dir(path("")).expect("a folder");
    let mut all: Vec<(String, String)> = files
        .map(|file| file.expect("a file").file_name().to_string_lossy().into_owned())
        .map(|name| (name.clone(), log(&name)))
        .collect();
    all.sort();
    assert!(all.len() >= 14, "{} logs", all.len());
    all
}

/// Reads bytes into a model.
pub fn model(bytes: &[u8]) -> (Model, Extent) {
    model_within(bytes, Limits::default())
}

/// Reads bytes into a model that keeps so much.
pub fn model_within(bytes: &[u8], limits: Limits) -> (Model, Extent) {
    model_of_within(bytes, limits)
}

/// Reads whatever can be read into a model.
pub fn model_of(reader: impl Read) -> (Model, Extent) {
    model_of_within(reader, Limits::default())
}

fn model_of_within(reader: impl Read, limits: Limits) -> (Model, Extent) {
    let heaviest = Heaviest::new(Order::Peak, 0, 10, false);
    let mut model = Model::new(heaviest, Filter::default());
    model.limits = limits;
    let mut sink = |item| {
        model.add((0, "a.log"), item);
        ControlFlow::Continue(())
    };
    let extent = input::read(reader, Origin::default(), &mut sink).expect("memory");
    model.finish();
    (model, extent)
}

/// The functions and the tree of the only process.
pub fn report(bytes: &[u8]) -> Value {
    let (model, _) = model(bytes);
    assert_eq!(model.counts.unreadable, 0, "{:?}", model.unreadable);
    let [process] = &model.processes[..] else { panic!("{} processes", model.processes.len()) };
    let mut value = serde_json::to_value(process.builder.report()).expect("JSON");
    value.as_object_mut().expect("an object").retain(|key, _| key == "functions" || key == "tree");
    value
}

/// Runs the command.
pub fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_memprobe")).args(arguments).output().expect("it runs")
}

/// What a command printed on standard output.
pub fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// What a command printed on standard error.
pub fn errors(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

pub fn shown(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}
