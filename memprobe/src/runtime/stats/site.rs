//! An annotated function: its name, its callsites and rate, and the points at which its calls end.

use crate::runtime::events::callsite::Callsite;
use crate::runtime::events::rate_limit::{Rate, RateLimiter};
use crate::runtime::stats::concurrency::Concurrency;
use crate::runtime::stats::generation::generation;
use crate::runtime::stats::outliers::Outliers;
use crate::runtime::stats::totals::Observation;
use crate::runtime::sync::OnceLock;
use crate::runtime::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Returned,
    Panicked,
    Cancelled,
    /// The end of a span: whether its work was done is not known.
    Closed,
}

impl Outcome {
    pub const ALL: [Outcome; 4] =
        [Outcome::Returned, Outcome::Panicked, Outcome::Cancelled, Outcome::Closed];

    pub fn name(self) -> &'static str {
        ["returned", "panicked", "cancelled", "closed"][self as usize]
    }
}

/// A place where segments end: a probe, or an end of a function.
#[derive(Debug)]
pub(crate) struct Point {
    label: &'static str,
}

impl Point {
    pub const fn new(label: &'static str) -> Point {
        Point { label }
    }

    /// The ends of a call, one for each [`Outcome`].
    pub const fn ends() -> [Point; 4] {
        [Point::new("return"), Point::new("panic"), Point::new("cancel"), Point::new("close")]
    }

    pub fn label(&self) -> &'static str {
        self.label
    }
}

/// An annotated function, independent of its callers.
pub struct Site {
    name: Option<&'static str>,
    /// Returns the path of an item in the function's body, from which that of the function is
    /// derived.
    path: fn() -> &'static str,
    path_of: OnceLock<&'static str>,
    pub(crate) rate: Rate,
    pub(crate) limiter: RateLimiter,
    pub(crate) outliers: Outliers,
    pub(crate) entry: &'static Callsite,
    pub(crate) exit: &'static Callsite,
    ends: [Point; 4],
    /// Ends of whole calls that had a probe; without a probe the only segment is the whole call.
    wholes: [Point; 4],
    /// Where work ends that was carried out of a call, and where it is counted if its call had
    /// ended by then.
    pub(crate) done: Point,
    pub(crate) late: Point,
    pub(crate) concurrency: Concurrency,
    /// The first call that ended: the generation of the totals, its peak and its allocated bytes.
    first: OnceLock<(u32, u64, u64)>,
    /// `is_cold` has returned true.
    warm: AtomicBool,
}

impl Site {
    #[doc(hidden)]
    pub const fn new(
        name: Option<&'static str>,
        path: fn() -> &'static str,
        rate: Option<f64>,
        above: Option<u64>,
        entry: &'static Callsite,
        exit: &'static Callsite,
    ) -> Site {
        Site {
            name,
            path,
            path_of: OnceLock::new(),
            rate: match rate {
                Some(rate) => Rate::a_second(rate),
                None => Rate::DEFAULT,
            },
            limiter: RateLimiter::new(),
            outliers: Outliers::new(above),
            entry,
            exit,
            ends: Point::ends(),
            wholes: Point::ends(),
            done: Point::new("done"),
            late: Point::new("late"),
            concurrency: Concurrency::new(),
            first: OnceLock::new(),
            warm: AtomicBool::new(false),
        }
    }

    /// Returns the callsite that writes the exits of calls above the function's bound, if it has
    /// one.
    #[inline]
    pub(crate) fn above(&self) -> Option<&'static Callsite> {
        self.outliers.above(self.exit)
    }

    /// Returns the name that the user gave, or else the path of the function.
    pub(crate) fn name(&self) -> &'static str {
        self.name.unwrap_or_else(|| self.path_of.get_or_init(|| path_of((self.path)())))
    }

    /// Returns true once: for the first admitted call before any call has ended.
    pub(crate) fn is_cold(&self) -> bool {
        self.is_new() && !self.warm.swap(true, Relaxed)
    }

    pub(crate) fn end(&'static self, outcome: Outcome) -> &'static Point {
        &self.ends[outcome as usize]
    }

    pub(crate) fn whole(&'static self, outcome: Outcome) -> &'static Point {
        &self.wholes[outcome as usize]
    }

    /// Whether `point` is an end of the function, where its calls or their last segments end.
    pub(crate) fn ends_at(&self, point: &Point) -> bool {
        self.ends.iter().any(|end| std::ptr::eq(end, point))
    }

    /// Whether whole calls, and not segments of them, are counted at `point`.
    pub(crate) fn is_whole(&self, point: &Point) -> bool {
        let mut wholes = self.wholes.iter().chain([&self.late]);
        wholes.any(|whole| std::ptr::eq(whole, point))
    }

    /// Whether no call has ended yet.
    #[inline]
    pub(crate) fn is_new(&self) -> bool {
        self.first.get().is_none()
    }

    /// Records the figures of the first call to end; later calls are ignored.
    pub(crate) fn set_first(&self, call: &Observation) {
        if self.is_new() {
            let _ = self.first.set((generation(), call.peak, call.bytes.allocated));
        }
    }

    /// Returns the peak and the allocated bytes of the first call, unless it ended before the last
    /// reset.
    pub(crate) fn cold(&self) -> Option<(u64, u64)> {
        let (since, peak, allocated) = *self.first.get()?;
        (since == generation()).then_some((peak, allocated))
    }
}

/// Derives the path of a function from that of an item in the initializer of a static in its body:
/// cuts off the item, the static and the closures between.
pub(crate) fn path_of(item: &'static str) -> &'static str {
    let outer = |path: &'static str| path.rsplit_once("::").map_or(path, |(outer, _)| outer);
    let mut path = outer(outer(item));
    while let Some(outside) = path.strip_suffix("::{{closure}}") {
        path = outside;
    }
    path
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").field("name", &self.name()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::path_of;

    #[test]
    fn the_path_of_a_function_is_what_stands_before_its_marker() {
        assert_eq!(path_of("app::A::new::PROBE::here"), "app::A::new");
        assert_eq!(
            path_of("<app::A as app::T>::run::{{closure}}::PROBE::here"),
            "<app::A as app::T>::run"
        );
    }
}
