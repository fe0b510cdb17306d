//! What stands in the program for good: the static of each function and of each probe, and
//! the segments between two points.

use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::callsite::Callsite;
use crate::meter::Quiet;
use crate::rate::{Bucket, Rate};
use crate::totals::Totals;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Returned,
    Panicked,
    Cancelled,
}

impl Outcome {
    pub fn name(self) -> &'static str {
        ["returned", "panicked", "cancelled"][self as usize]
    }
}

/// The static of an annotated function.
pub struct Site {
    name: Option<&'static str>,
    /// Gives the path of the function, by the type name of an item in its body.
    path: fn() -> &'static str,
    pub(crate) rate: Rate,
    pub(crate) bucket: Bucket,
    pub(crate) entry: &'static Callsite,
    pub(crate) exit: &'static Callsite,
    start: OnceLock<Stage>,
    ends: [Point; 3],
    /// Whole calls that had a probe; without one the only segment is the whole call.
    wholes: [Point; 3],
    /// A call was said to be the first.
    warm: AtomicBool,
}

impl Site {
    #[doc(hidden)]
    pub const fn new(
        name: Option<&'static str>,
        path: fn() -> &'static str,
        rate: u32,
        entry: &'static Callsite,
        exit: &'static Callsite,
    ) -> Site {
        Site {
            name,
            path,
            rate: Rate::a_second(rate),
            bucket: Bucket::new(),
            entry,
            exit,
            start: OnceLock::new(),
            ends: Point::ends(),
            wholes: Point::ends(),
            warm: AtomicBool::new(false),
        }
    }

    /// The name that the user gave, or the path of the function.
    pub(crate) fn name(&self) -> &'static str {
        self.name.unwrap_or_else(|| path_of((self.path)()))
    }

    /// Whether no call has ended yet, for the first that asks.
    pub(crate) fn is_cold(&self) -> bool {
        self.ends.iter().all(|end| end.first.get().is_none()) && !self.warm.swap(true, Relaxed)
    }

    pub(crate) fn end(&'static self, outcome: Outcome) -> &'static Point {
        &self.ends[outcome as usize]
    }

    pub(crate) fn whole(&'static self, outcome: Outcome) -> &'static Point {
        &self.wholes[outcome as usize]
    }

    /// Where every call of this function starts.
    #[inline]
    pub(crate) fn start(&'static self) -> &'static Stage {
        self.start.get_or_init(|| Stage { site: self, after: "entry", is_entry: true })
    }
}

/// The path of a function, from that of an item in the initializer of a static in its body:
/// without the item, the static and the closures between.
pub(crate) fn path_of(item: &'static str) -> &'static str {
    let outer = |path: &'static str| path.rsplit_once("::").map_or(path, |(outer, _)| outer);
    let mut path = outer(outer(item));
    while let Some(outside) = path.strip_suffix("::{{closure}}") {
        path = outside;
    }
    path
}

/// Somewhere in a call: in a function, after a label.
#[derive(Debug)]
pub(crate) struct Stage {
    pub site: &'static Site,
    pub after: &'static str,
    /// Where every call of the function starts.
    pub is_entry: bool,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").field("name", &self.name()).finish_non_exhaustive()
    }
}

/// Where segments end: a probe, or an end of a function.
pub(crate) struct Point {
    label: &'static str,
    /// The segments that end here, each linked to the next.
    first: OnceLock<&'static Segment>,
}

/// From one point of a function to the next, with its totals.
pub(crate) struct Segment {
    pub from: &'static Stage,
    pub label: &'static str,
    at: &'static Point,
    /// Where the call is once the segment has ended; one for each point and function.
    pub to: &'static Stage,
    /// Stands for whole calls that had a probe, and not for a segment of one.
    pub whole: bool,
    pub totals: Totals,
    /// The next of those that end at the same point, and of all.
    next_here: OnceLock<&'static Segment>,
    next: OnceLock<&'static Segment>,
}

static FIRST: OnceLock<&'static Segment> = OnceLock::new();

impl Point {
    pub const fn new(label: &'static str) -> Point {
        Point { label, first: OnceLock::new() }
    }

    const fn ends() -> [Point; 3] {
        [Point::new("return"), Point::new("panic"), Point::new("cancel")]
    }

    pub fn label(&self) -> &'static str {
        self.label
    }

    /// The segment that ends here when the call was at `from`.
    #[inline]
    pub fn segment(&'static self, from: &'static Stage) -> &'static Segment {
        let mut place = &self.first;
        while let Some(segment) = place.get() {
            if ptr::eq(segment.from, from) {
                return segment;
            }
            place = &segment.next_here;
        }
        self.add(from)
    }

    #[cold]
    fn add(&'static self, from: &'static Stage) -> &'static Segment {
        let _quiet = Quiet::begin();
        let mut to = None;
        let mut place = &self.first;
        loop {
            let mut is_new = false;
            // Threads may race for one: it is made once, and the others wait for it.
            let segment = *place.get_or_init(|| {
                is_new = true;
                Box::leak(Box::new(self.make(from, to)))
            });
            if is_new {
                append(segment);
            }
            if ptr::eq(segment.from, from) {
                return segment;
            }
            to = to.or(Some(segment.to).filter(|to| ptr::eq(to.site, from.site)));
            place = &segment.next_here;
        }
    }

    fn make(&'static self, from: &'static Stage, to: Option<&'static Stage>) -> Segment {
        let Stage { site, .. } = *from;
        Segment {
            from,
            label: self.label,
            at: self,
            to: to.unwrap_or_else(|| {
                Box::leak(Box::new(Stage { site, after: self.label, is_entry: false }))
            }),
            whole: site.wholes.iter().any(|whole| ptr::eq(whole, self)),
            totals: Totals::new(),
            next_here: OnceLock::new(),
            next: OnceLock::new(),
        }
    }
}

/// Hangs a segment on the end of the list of all.
fn append(segment: &'static Segment) {
    let mut place = &FIRST;
    loop {
        let here = *place.get_or_init(|| segment);
        if ptr::eq(here, segment) {
            return;
        }
        place = &here.next;
    }
}

/// Every segment that any call has finished.
pub(crate) fn segments() -> impl Iterator<Item = &'static Segment> {
    std::iter::successors(FIRST.get().copied(), |segment| segment.next.get().copied())
}

impl Segment {
    /// Whether this is one of the segments that end at `point`.
    pub fn ends(&self, point: &'static Point) -> bool {
        ptr::eq(self.at, point)
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
