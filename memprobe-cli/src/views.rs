//! What is shown of a model.

pub mod changes;
pub mod json;
pub mod markdown;
pub mod text;
pub mod trace;
pub mod waterfall;

use crate::input::Source;
use crate::model::Place;

/// Writes where a line stands: `app.log:1234`.
fn place(place: Place, sources: &[Source]) -> String {
    let name = sources.get(place.source).map_or(String::new(), Source::name);
    format!("{name}:{}", place.line)
}
