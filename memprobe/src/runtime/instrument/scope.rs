//! Calls of code that cannot carry an attribute: a block, a closure, a future of another crate.

use std::any::type_name;
use std::future::Future;
use std::panic::Location;
use std::ptr;

use tracing::Level;

use crate::runtime::instrument::call;
use crate::runtime::instrument::function::{self, Limits};
use crate::runtime::instrument::future::instrument_future;
use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::stats::call_tree::Annotated;
use crate::runtime::sync::map::Map;

/// Runs `f` as one call of a function named `name`: what `#[memprobe]` is for a function, this is
/// for a block or a closure.
///
/// Use only a few names: each place and name has totals of its own, which are never freed.
///
/// # Examples
///
/// ```
/// let rows: Vec<u64> = memprobe::scope("load", || (0..1000).collect());
/// # assert_eq!(rows.len(), 1000);
/// ```
#[track_caller]
#[inline]
pub fn scope<T, F: FnOnce() -> T>(name: &'static str, f: F) -> T {
    let _entered = call::enter(function_of::<F>(name, Location::caller()));
    f()
}

/// Makes `future` one call of an async function named `name`, which begins at the first poll.
///
/// As for [`scope`], use only a few names.
///
/// # Examples
///
/// ```
/// # async fn fetch() -> Vec<u8> { vec![0; 100] }
/// # async fn run() {
/// let page = memprobe::scope_future("fetch", fetch()).await;
/// # }
/// ```
#[track_caller]
#[inline]
pub fn scope_future<F: Future>(
    name: &'static str,
    future: F,
) -> impl Future<Output = F::Output> + use<F> {
    instrument_future(function_of::<F>(name, Location::caller()), future)
}

struct Scope {
    hash: u64,
    name: &'static str,
    place: &'static Location<'static>,
    function: Annotated,
}

static SCOPES: Map<Scope> = Map::new();

/// Returns the function of a name at a place, created and leaked when it is first seen.
#[inline]
fn function_of<F>(name: &'static str, place: &'static Location<'static>) -> &'static Annotated {
    let hash = hash(name, place);
    match SCOPES.get(hash, |scope| scope.is(hash, name, place)) {
        Some(scope) => &scope.function,
        None => add(hash, name, place, type_name::<F>()),
    }
}

/// Hashes eight bytes at a time, because it is called at each call.
#[inline]
fn hash(name: &str, place: &Location<'_>) -> u64 {
    // Multiplies by 2^64 divided by the golden ratio, which spreads the bits.
    let mix = |hash: u64, word: u64| {
        let spread = (hash ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        spread ^ spread >> 32
    };
    let word = |bytes: &[u8]| bytes.iter().fold(0, |word, &byte| word << 8 | u64::from(byte));
    let place = u64::from(place.line()) << 32 | u64::from(place.column());
    name.as_bytes().chunks(8).map(word).fold(mix(place, name.len() as u64), mix)
}

impl Scope {
    fn new(
        hash: u64,
        name: &'static str,
        place: &'static Location<'static>,
        type_name: &'static str,
    ) -> Scope {
        let inside = enclosing(type_name);
        let target = inside.map_or("memprobe", |path| format!("memprobe::{path}").leak());
        let at = (place.file(), place.line(), inside.unwrap_or(""));
        let function = function::named(name, target, Level::INFO, at, Limits::default());
        Scope { hash, name, place, function }
    }

    fn is(&self, hash: u64, name: &str, place: &Location<'_>) -> bool {
        // One place may have several addresses, one in each codegen unit.
        self.hash == hash
            && (ptr::eq(self.place, place) || self.place == place)
            && self.name == name
    }
}

#[cold]
fn add(
    hash: u64,
    name: &'static str,
    place: &'static Location<'static>,
    type_name: &'static str,
) -> &'static Annotated {
    let _ignored = IgnoreAllocs::begin();
    let make = || Scope::new(hash, name, place, type_name);
    &SCOPES.get_or_init(hash, |scope| scope.is(hash, name, place), make).function
}

/// Returns the path of the function in which a closure or an `async` block stands. As a target, it
/// is selected by the directive of its module. `None` if the type name does not contain it.
fn enclosing(type_name: &'static str) -> Option<&'static str> {
    let mut path = type_name.strip_suffix("::{{closure}}")?;
    while let Some(outside) = path.strip_suffix("::{{closure}}") {
        path = outside;
    }
    // `<app::Type as app::Trait>::method`: the type's own path.
    match path.strip_prefix('<') {
        Some(path) => path.split([' ', '>', '<']).next(),
        None => path.split('<').next(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::panic::Location;

    use super::{enclosing, hash};

    #[test]
    fn names_that_are_much_the_same_have_other_hashes() {
        let place = Location::caller();
        let names = (0..10_000).flat_map(|n| {
            [format!("{n}"), format!("handler {n:05} of all"), format!("a long name before {n:05}")]
        });
        // The first bits differ too.
        let hashes: HashSet<u64> = names.map(|name| hash(&name, place)).collect();
        assert_eq!(hashes.len(), 30_000);
        let first: HashSet<u64> = hashes.iter().map(|hash| hash >> 48).collect();
        assert!(first.len() > 20_000, "{}", first.len());
        assert_ne!(hash("name", place), hash("name", Location::caller()));
    }

    #[test]
    fn the_target_is_the_function_around_a_closure() {
        assert_eq!(enclosing("app::load::{{closure}}"), Some("app::load"));
        assert_eq!(enclosing("app::load::{{closure}}::{{closure}}"), Some("app::load"));
        assert_eq!(enclosing("<app::A as app::T>::run::{{closure}}"), Some("app::A"));
        assert_eq!(enclosing("app::load<T>::{{closure}}"), Some("app::load"));
        assert_eq!(enclosing("fn() -> u8"), None);
        assert_eq!(enclosing("core::future::ready::Ready<()>"), None);
    }
}
