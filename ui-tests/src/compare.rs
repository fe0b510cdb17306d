//! What must be the same with the attribute and without it.

use crate::case::Case;
use crate::compiler::{Compiled, Diagnostic};

/// Lints that fall silent on a function with the attribute, and why none that adds code to a
/// body can keep them. All others say the same.
pub const LOST: &[(&str, &str)] = &[
    ("clippy::missing_const_for_fn", "with the attribute it cannot be a `const fn`"),
    ("clippy::unused_async", "what the attribute adds is an `await`"),
    ("clippy::manual_async_fn", "the body is no longer an `async` block alone"),
    (
        "clippy::default_numeric_fallback",
        "it does not look into the tail of a function, which the body now is",
    ),
    ("clippy::implicit_return", "in `async fn` of `()`, where it asks for what need not be"),
    (
        "clippy::async_yields_async",
        "in `async fn` whose result may be a future, for which it must be allowed",
    ),
    ("clippy::redundant_clone", "in `async fn`: it does not follow what an `async` block captures"),
];

/// How a case differs from its plain version.
#[derive(Debug, Default)]
pub struct Differences {
    /// What must not be.
    pub found: Vec<String>,
    /// The lints of `LOST` that fell silent.
    pub lost: Vec<String>,
}

/// The ways in which `ours` differs from `plain`.
#[must_use]
pub fn differences(case: &Case, plain: &Compiled, ours: &Compiled) -> Differences {
    let mut all = Differences::default();
    let found = &mut all.found;
    if plain.compiles == case.errs {
        found.push(format!("plain Rust was not expected to say\n{}", plain.errors()));
    }
    if plain.compiles != ours.compiles {
        let verb = if ours.compiles { "compiles" } else { "does not compile" };
        found.push(format!("{verb} with the attribute"));
    }
    for said in missing(&plain.diagnostics, &ours.diagnostics) {
        let may_be_lost = LOST.iter().any(|(lint, _)| *lint == said.code);
        if may_be_lost && !case.keeps.contains(&said.code) {
            all.lost.push(said.code.clone());
        } else {
            found.push(format!("only without the attribute: {}", show(said)));
        }
    }
    let gained = missing(&ours.diagnostics, &plain.diagnostics);
    for said in gained.iter().filter(|said| case.more.as_ref() != Some(&said.code)) {
        found.push(format!("only with the attribute: {}", show(said)));
    }
    if plain.ran != ours.ran && plain.compiles && ours.compiles {
        found.push(format!("ran as {:?}\ninstead of {:?}", ours.ran, plain.ran));
    }
    all
}

/// What is said in `one` and not in `other`, each as often as it is missing there.
fn missing<'a>(one: &'a [Diagnostic], other: &'a [Diagnostic]) -> Vec<&'a Diagnostic> {
    let mut left: Vec<&Diagnostic> = other.iter().collect();
    let mut missing = Vec::new();
    for said in one {
        match left.iter().position(|other| *other == said) {
            Some(at) => _ = left.remove(at),
            None => missing.push(said),
        }
    }
    missing
}

fn show(said: &Diagnostic) -> String {
    format!("{}[{}] {} {}", said.level, said.code, said.places.join(" "), said.message)
}
