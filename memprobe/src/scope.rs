//! Calls of what cannot carry an attribute: a block, a closure, a future of another crate.

use std::any::type_name;
use std::future::Future;
use std::panic::Location;
use std::ptr;
use std::sync::OnceLock;

use tracing::Level;

use crate::call;
use crate::callsite::Callsite;
use crate::follow::follow;
use crate::meter::Quiet;
use crate::site::Site;

/// Runs `f` as one call of a function named `name`: what `#[memprobe]` does, where there is
/// no function to put it on.
///
/// The name must be one of a few: each place and name has totals of its own, for good.
///
/// ```
/// let rows: Vec<u64> = memprobe::scope("load", || (0..1000).collect());
/// # assert_eq!(rows.len(), 1000);
/// ```
#[track_caller]
#[inline]
pub fn scope<T, F: FnOnce() -> T>(name: &'static str, f: F) -> T {
    let _entered = call::enter(site::<F>(name, Location::caller()));
    f()
}

/// Makes `future` one call of an async function named `name`; it starts at the first poll.
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
    follow(site::<F>(name, Location::caller()), future)
}

struct Scope {
    name: &'static str,
    place: &'static Location<'static>,
    site: Site,
    /// The next in the same chain.
    next: OnceLock<&'static Scope>,
}

const CHAINS: usize = 64;
static CHAIN: [OnceLock<&'static Scope>; CHAINS] = [const { OnceLock::new() }; CHAINS];

/// The site of a name at a place, leaked when it is first seen.
#[inline]
fn site<F>(name: &'static str, place: &'static Location<'static>) -> &'static Site {
    let hash = place.line() as usize * 31 + place.column() as usize * 7 + name.len();
    let mut link = &CHAIN[hash % CHAINS];
    while let Some(scope) = link.get() {
        if scope.is(name, place) {
            return &scope.site;
        }
        link = &scope.next;
    }
    add(link, name, place, type_name::<F>())
}

impl Scope {
    fn new(
        name: &'static str,
        place: &'static Location<'static>,
        type_name: &'static str,
    ) -> Scope {
        let inside = enclosing(type_name);
        let target = inside.map_or("memprobe", |path| format!("memprobe::{path}").leak());
        let at = (place.file(), place.line(), inside.unwrap_or(""));
        let callsite =
            |fields| &*Box::leak(Box::new(Callsite::new(target, Level::INFO, at, fields)));
        let site = Site::new(
            Some(name),
            || "",
            None,
            callsite(crate::__fields!(entry)),
            callsite(crate::__fields!(exit)),
        );
        Scope { name, place, site, next: OnceLock::new() }
    }

    fn is(&self, name: &str, place: &Location<'_>) -> bool {
        // One place may have several addresses, one in each codegen unit.
        (ptr::eq(self.place, place) || self.place == place) && self.name == name
    }
}

#[cold]
fn add(
    mut link: &'static OnceLock<&'static Scope>,
    name: &'static str,
    place: &'static Location<'static>,
    type_name: &'static str,
) -> &'static Site {
    let _quiet = Quiet::begin();
    loop {
        // Threads may race for one: it is made once, and the others wait for it.
        let here = *link.get_or_init(|| Box::leak(Box::new(Scope::new(name, place, type_name))));
        if here.is(name, place) {
            return &here.site;
        }
        link = &here.next;
    }
}

/// The path of the function in which a closure or an `async` block stands; as a target it
/// is ruled by the directive of its module. `None` for what does not tell.
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
    use super::enclosing;

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
