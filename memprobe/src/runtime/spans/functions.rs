//! The function of each callsite of spans.

use std::ptr;

use tracing::Metadata;

use crate::runtime::instrument::function::{self, Limits};
use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::stats::call_tree::Annotated;
use crate::runtime::sync::map::{self, Map};

struct SpanFunction {
    span: &'static Metadata<'static>,
    limits: Limits,
    function: Annotated,
}

static FUNCTIONS: Map<SpanFunction> = Map::new();

/// Returns the function of a span, created when it is first seen.
pub(super) fn of(span: &'static Metadata<'static>, limits: Limits) -> &'static Annotated {
    let hash = map::hash(ptr::from_ref(span));
    let is = |known: &SpanFunction| ptr::eq(known.span, span) && known.limits == limits;
    if let Some(known) = FUNCTIONS.get(hash, is) {
        return &known.function;
    }
    let _ignored = IgnoreAllocs::begin();
    let make = || SpanFunction { span, limits, function: function_of(span, limits) };
    &FUNCTIONS.get_or_init(hash, is, make).function
}

/// Creates the function of a span. Its name is that of an annotated function in the same place:
/// the target of a span is the path of its module, unless the user gave another.
fn function_of(span: &'static Metadata<'static>, limits: Limits) -> Annotated {
    let name = format!("{}::{}", span.target(), span.name()).leak();
    function::named(name, target(span), *span.level(), place(span), limits)
}

/// Returns the target of memprobe's events about a span or an event of the program.
pub(super) fn target(of: &Metadata<'_>) -> &'static str {
    format!("memprobe::{}", of.target()).leak()
}

/// Returns file, line and module of a span or an event of the program.
pub(super) fn place(of: &Metadata<'static>) -> (&'static str, u32, &'static str) {
    (of.file().unwrap_or(""), of.line().unwrap_or(0), of.module_path().unwrap_or(""))
}
