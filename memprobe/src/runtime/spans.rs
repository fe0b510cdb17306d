//! The spans of `tracing` as calls.
//!
//! - [`layer`]: a span is a call: it begins when the span is first entered, and ends when it is
//!   closed.
//! - [`entered`]: which spans a thread has entered.
//! - [`open`]: which spans may be calls, without a look into the registry.
//! - [`functions`]: the function of each span's callsite.
//! - [`probes`]: the events of the program as probes.
//! - [`ignore`]: a subscriber whose own work is in no figure.

mod entered;
mod functions;
pub(crate) mod ignore;
pub(crate) mod layer;
mod open;
mod probes;

pub use ignore::ignore;
pub use layer::{SpanLayer, layer};
