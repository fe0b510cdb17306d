//! What the tests of the command `memprobe` share: reading a log in this process.

use std::path::Path;

use memprobe_cli::input::Source;
use memprobe_cli::model::{Filter, Heaviest, Model, Order};
use memprobe_cli::read;

/// Reads a log as the command does.
///
/// # Panics
///
/// If the log cannot be read.
pub fn model(path: &Path) -> Model {
    let heaviest = Heaviest::new(Order::Peak, 0, 100, false);
    let mut model = Model::new(heaviest, Filter::default());
    let done = read::read(vec![Source::of(path)], &mut model);
    assert!(done.errors.is_empty(), "{:?}", done.errors);
    model
}
