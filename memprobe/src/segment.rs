//! From one point of a call to the next: where calls are, and what they did on the way.

use std::fmt;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::bytes::Bytes;
use crate::histogram::Distributions;
use crate::list::List;
use crate::map::{self, Map};
use crate::slot::Slot;
use crate::thread::Quiet;
use crate::timeline::{self, Large};
use crate::totals::{Hit, Totals};
use crate::tree::Node;

/// Somewhere in a call: in a function of some calling context, after a label.
pub(crate) struct Stage {
    pub node: &'static Node,
    pub after: &'static str,
    /// Where every call of the node starts.
    pub is_entry: bool,
    /// In work that was carried out of a call.
    pub is_carried: bool,
    /// The segments that start here.
    segments: List<Segment>,
}

/// Where segments end: a probe, or an end of a function.
#[derive(Debug)]
pub(crate) struct Point {
    label: &'static str,
}

/// From one point of a function to the next, in one calling context, with its totals.
pub(crate) struct Segment {
    pub from: &'static Stage,
    pub label: &'static str,
    at: &'static Point,
    /// Where the call is once the segment has ended.
    pub to: &'static Stage,
    /// Stands for whole calls that had a probe, and not for a segment of one.
    pub whole: bool,
    pub totals: Totals,
    /// Shared by all calling contexts.
    pub distributions: &'static Distributions,
    /// It is among all others.
    is_listed: AtomicBool,
}

static ALL: List<&'static Segment> = List::new();
static AFTER: Map<After> = Map::new();
static SHARED: Map<Shared> = Map::new();

/// Where the calls of a node are after a point, however they came to it.
struct After {
    at: &'static Point,
    stage: &'static Stage,
}

/// What the segments of a function with the same labels share in all calling contexts.
struct Shared {
    /// The ends of the first of them.
    from: &'static Stage,
    at: &'static Point,
    distributions: Distributions,
}

impl Point {
    pub const fn new(label: &'static str) -> Point {
        Point { label }
    }

    pub const fn ends() -> [Point; 3] {
        [Point::new("return"), Point::new("panic"), Point::new("cancel")]
    }

    pub fn label(&self) -> &'static str {
        self.label
    }
}

impl Stage {
    /// Where every call of a node starts.
    pub fn entry(node: &'static Node) -> Stage {
        let segments = List::new();
        Stage { node, after: "entry", is_entry: true, is_carried: false, segments }
    }

    /// Where work starts that was carried out of a call of the node.
    pub fn carried(node: &'static Node) -> Stage {
        let segments = List::new();
        Stage { node, after: "carried", is_entry: false, is_carried: true, segments }
    }

    /// After a label that lies further on.
    fn further(&self, after: &'static str) -> Stage {
        let segments = List::new();
        Stage { after, is_entry: false, segments, ..*self }
    }

    /// What the calls have kept that started here and have ended, bytes.
    pub fn kept(&self) -> i64 {
        let calls = self.segments.iter().filter(|segment| segment.is_call());
        calls.map(|segment| segment.totals.sums().bytes.net()).sum()
    }

    /// The segment from here to `point`, if any call has passed it.
    #[inline]
    pub fn find(&self, point: &Point) -> Option<&'static Segment> {
        self.segments.iter().find(|segment| segment.ends(point))
    }

    /// The segment from here to `point`.
    #[inline]
    pub fn segment(&'static self, point: &'static Point) -> &'static Segment {
        match self.find(point) {
            Some(segment) => segment,
            None => self.add(point),
        }
    }

    #[cold]
    fn add(&'static self, at: &'static Point) -> &'static Segment {
        let _quiet = Quiet::begin();
        let segment = Segment {
            from: self,
            label: at.label,
            at,
            to: After::of(self, at),
            whole: self.node.site.is_whole(at),
            totals: Totals::new(),
            distributions: Shared::of(self, at),
            is_listed: AtomicBool::new(false),
        };
        let segment = self.segments.add(segment, |segment| segment.ends(at));
        if !segment.is_listed.swap(true, Relaxed) {
            ALL.push(segment);
        }
        segment
    }
}

impl After {
    fn of(from: &Stage, at: &'static Point) -> &'static Stage {
        let node = from.node;
        let hash = map::hash((ptr::from_ref(node), ptr::from_ref(at)));
        let is = |after: &After| ptr::eq(after.at, at) && ptr::eq(after.stage.node, node);
        let make = || After { at, stage: Box::leak(Box::new(from.further(at.label))) };
        AFTER.get_or_make(hash, is, make).stage
    }
}

impl Shared {
    fn of(from: &'static Stage, at: &'static Point) -> &'static Distributions {
        let key = |from: &Stage, at: &Point| {
            let site = from.node.site;
            (ptr::from_ref(site), from.after, at.label, site.is_whole(at))
        };
        let ours = key(from, at);
        let is = |shared: &Shared| key(shared.from, shared.at) == ours;
        let make = || Shared { from, at, distributions: Distributions::new() };
        &SHARED.get_or_make(map::hash(ours), is, make).distributions
    }
}

impl Segment {
    /// Adds what one call did, on the thread with this slot.
    #[allow(clippy::inline_always, reason = "what it adds is in registers")]
    #[inline(always)]
    pub fn add(&'static self, slot: Slot, hit: Hit) {
        self.totals.add(slot, hit);
        if hit.bytes != Bytes::ZERO {
            self.distributions.add(slot, hit.peak, hit.bytes.allocated);
            if hit.peak >= timeline::LARGE {
                self.tell(hit.bytes.net(), hit.peak);
            }
        }
    }

    /// Tells the timeline of one that was large.
    #[cold]
    #[inline(never)]
    fn tell(&'static self, net: i64, peak: u64) {
        if !self.whole {
            timeline::end(Large { segment: self, net, peak });
        }
    }

    /// Whether this stands for whole calls: for those with a probe, or it is all of a call.
    pub fn is_call(&self) -> bool {
        self.whole || (self.from.is_entry && self.from.node.site.ends_at(self.at))
    }

    /// Whether it is the first of those that stand for the whole calls of its node.
    pub fn is_first_call(&self) -> bool {
        let first = self.from.segments.iter().find(|segment| segment.is_call());
        first.is_some_and(|first| ptr::eq(first, self))
    }

    /// Whether this is one of the segments that end at `point`.
    #[inline]
    pub fn ends(&self, point: &Point) -> bool {
        ptr::eq(self.at, point)
    }
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} -> {}", self.from.node.site.name(), self.from.after, self.label)
    }
}

/// Every segment that any call has finished.
pub(crate) fn all() -> impl Iterator<Item = &'static Segment> {
    ALL.iter().copied()
}
