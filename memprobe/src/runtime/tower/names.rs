//! The function of each route.

use std::panic::Location;

use http::{Method, Request};
use tracing::Level;

use crate::runtime::instrument::function::{self, Limits};
use crate::runtime::readings::fork;
use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::stats::call_tree::Annotated;
use crate::runtime::sync::Mutex;
use crate::runtime::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Release};
use crate::runtime::sync::map::{self, Map};

/// Maximum number of names: each has totals of its own, which are never freed.
const NAMES: usize = 256;
/// The name of all further requests.
const OTHER: &str = "(other)";

/// Names the call of a request.
pub trait Name<R> {
    #[doc(hidden)]
    fn name(&self, request: &R) -> String;
}

/// Names a request by its method and the path that the router has matched.
#[derive(Clone, Copy, Debug)]
pub struct ByRoute;

impl<B> Name<Request<B>> for ByRoute {
    fn name(&self, request: &Request<B>) -> String {
        let method = method(request.method());
        match matched_path(request) {
            Some(path) => format!("{method} {path}"),
            None if cfg!(feature = "axum") => format!("{method} (no route)"),
            None => method.to_owned(),
        }
    }
}

#[cfg(feature = "axum")]
fn matched_path<B>(request: &Request<B>) -> Option<&str> {
    Some(request.extensions().get::<axum::extract::MatchedPath>()?.as_str())
}

#[cfg(not(feature = "axum"))]
fn matched_path<B>(_: &Request<B>) -> Option<&str> {
    None
}

/// Returns the name of a method. Clients may send any, so that only those of the standard have names
/// of their own.
fn method(method: &Method) -> &str {
    let known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::CONNECT,
        Method::OPTIONS,
        Method::TRACE,
        Method::PATCH,
    ];
    if known.contains(method) { method.as_str() } else { "(other method)" }
}

/// Names a request by a closure.
#[derive(Clone, Copy, Debug)]
pub struct Named<F>(pub(super) F);

impl<F, R, N> Name<R> for Named<F>
where
    F: Fn(&R) -> N,
    N: Into<String>,
{
    fn name(&self, request: &R) -> String {
        (self.0)(request).into()
    }
}

struct Route {
    name: &'static str,
    limits: Limits,
    function: Annotated,
}

static ROUTES: Map<Route> = Map::new();
/// The number of routes, without those of [`OTHER`].
static COUNT: Mutex<usize> = Mutex::new(0);
static IS_FULL: AtomicBool = AtomicBool::new(false);

/// Returns the function of a request, created when its name is first seen.
pub(super) fn function<R>(
    names: &impl Name<R>,
    request: &R,
    limits: Limits,
    place: &'static Location<'static>,
) -> &'static Annotated {
    let _ignored = IgnoreAllocs::begin();
    let name = names.name(request);
    let found = find(&name, limits).or_else(|| add(&name, limits, place));
    found.unwrap_or_else(|| get_or_init(OTHER, limits, place))
}

fn find(name: &str, limits: Limits) -> Option<&'static Annotated> {
    let route = ROUTES.get(map::hash(name), |route| route.name == name && route.limits == limits);
    route.map(|route| &route.function)
}

/// Adds a name unless there are too many, or it cannot be told how many there are: in a forked child
/// in which their number stays locked.
fn add(
    name: &str,
    limits: Limits,
    place: &'static Location<'static>,
) -> Option<&'static Annotated> {
    if IS_FULL.load(Acquire) {
        // The last name may have come after it was looked for.
        return find(name, limits);
    }
    let mut count = fork::lock(&COUNT)?;
    // Another thread may have added it meanwhile.
    find(name, limits).or_else(|| {
        let added = (*count < NAMES).then(|| {
            *count += 1;
            get_or_init(name, limits, place)
        });
        IS_FULL.store(*count >= NAMES, Release);
        added
    })
}

fn get_or_init(
    name: &str,
    limits: Limits,
    place: &'static Location<'static>,
) -> &'static Annotated {
    let make = || {
        let (name, place) = (&*name.to_owned().leak(), (place.file(), place.line(), ""));
        let function = function::named(name, "memprobe::route", Level::INFO, place, limits);
        Route { name, limits, function }
    };
    let is = |route: &Route| route.name == name && route.limits == limits;
    &ROUTES.get_or_init(map::hash(name), is, make).function
}

#[cfg(test)]
mod tests {
    use std::panic::Location;

    use http::{Method, Request};

    use super::{ByRoute, Limits, NAMES, Name, Named, function};

    #[test]
    fn a_request_without_a_route_has_the_name_of_its_method() {
        let name = |method: Method| {
            ByRoute
                .name(&Request::builder().method(method).uri("/any/path").body(()).expect("valid"))
        };
        let suffix = if cfg!(feature = "axum") { " (no route)" } else { "" };
        assert_eq!(name(Method::GET), format!("GET{suffix}"));
        let other = Method::from_bytes(b"FOO").expect("a method");
        assert_eq!(name(other), format!("(other method){suffix}"));
    }

    #[test]
    fn there_are_at_most_256_names() {
        let name = |n: &usize| {
            let names = Named(|n: &usize| format!("route {n}"));
            function(&names, n, Limits::default(), Location::caller()).site.name()
        };
        for n in 0..NAMES {
            assert_eq!(name(&n), format!("route {n}"));
        }
        assert_eq!((name(&1000), name(&1001)), ("(other)", "(other)"));
        assert_eq!(name(&1), "route 1");
    }
}
