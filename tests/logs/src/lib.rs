//! What the tests of the command `memprobe` share: reading a log in this process.

use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;

use memprobe_cli::input::{self, Source};
use memprobe_cli::model::{Filter, Heaviest, Model, Order};
use memprobe_cli::parse::origin::Origin;
use memprobe_cli::read;

/// Reads a log as the command does.
///
/// # Panics
///
/// If the log cannot be read.
pub fn model(path: &Path) -> Model {
    let mut model = empty();
    let done = read::read(vec![Source::of(path)], &mut model);
    assert!(done.errors.is_empty(), "{:?}", done.errors);
    model
}

/// Reads a log from wherever it comes, as the command reads its standard input.
///
/// # Panics
///
/// If the log cannot be read.
pub fn model_of(log: impl Read) -> Model {
    let mut model = empty();
    let mut add = |item| {
        model.add((0, "log"), item);
        ControlFlow::Continue(())
    };
    input::read(log, Origin::default(), &mut add).expect("a log");
    model.finish();
    model
}

fn empty() -> Model {
    Model::new(Heaviest::new(Order::Peak, 0, 100, false), Filter::default())
}
