//! The call tree, the positions of calls in it, and the totals of their segments.
//!
//! 1. A *node* is a function in one calling context. A recursion folds into one node below its
//!    outermost call, and contexts that come after the tree is full fold into one node per
//!    function.
//! 2. A *position* is a place in a call of a node: after which label.
//! 3. A *segment* goes from a position to the next point, and has the totals of all passes.
//!
//! Each of them is created when it is first reached, and is never freed.

use std::fmt;
use std::ptr;

use crate::runtime::readings::bytes::Bytes;
use crate::runtime::readings::shard::Shard;
use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::stats::freed_elsewhere::FreedElsewhere;
use crate::runtime::stats::histogram::Distributions;
use crate::runtime::stats::site::{Point, Site};
use crate::runtime::stats::totals::{Observation, Totals};
use crate::runtime::sync::OnceLock;
use crate::runtime::sync::append_list::AppendList;
use crate::runtime::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use crate::runtime::sync::map::{self, Map};

/// A function in one calling context.
pub(crate) struct Node {
    pub site: &'static Site,
    /// `None` for a root.
    pub caller: Option<&'static Node>,
    pub kind: Kind,
    /// How much of the net of its calls was freed elsewhere.
    pub freed_elsewhere: FreedElsewhere,
    start: OnceLock<&'static Position>,
    carried: OnceLock<&'static Position>,
}

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Ordinary,
    /// The function is already in its own calling context: this is the node there, whose bytes
    /// include those of the recursive calls.
    Recursive(&'static Node),
    /// Stands for all contexts of its function that came after the tree was full.
    Folded,
}

/// The static of an annotated function, with the function's nodes in the call tree.
pub struct Annotated {
    pub(crate) site: Site,
    /// The nodes, by caller.
    links: AppendList<Link>,
    /// Where calls from further callers start once the tree is full.
    folded: OnceLock<&'static Position>,
}

/// Links a caller to the position at which its calls of the function start.
struct Link {
    caller: Option<&'static Node>,
    start: &'static Position,
}

impl Link {
    #[inline]
    fn is_from(&self, caller: Option<&'static Node>) -> bool {
        self.caller.map(ptr::from_ref) == caller.map(ptr::from_ref)
    }
}

/// Maximum number of nodes with a caller: each takes a few KiB for its totals.
const NODES: usize = 1024;
/// Maximum number of callers of one function: each call searches them one by one.
const CALLERS: usize = 32;
/// Maximum number of nodes on a path: showing a report and dropping it recurse into the tree, also
/// on threads with small stacks.
const DEPTH: usize = 64;
static COUNT: AtomicUsize = AtomicUsize::new(0);

impl fmt::Debug for Annotated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.site.fmt(f)
    }
}

impl Annotated {
    #[doc(hidden)]
    pub const fn new(site: Site) -> Annotated {
        Annotated { site, links: AppendList::new(), folded: OnceLock::new() }
    }

    /// Returns the position at which calls from `caller` start.
    #[inline]
    pub(crate) fn start(&'static self, caller: Option<&'static Node>) -> &'static Position {
        match self.links.iter().find(|link| link.is_from(caller)) {
            Some(link) => link.start,
            None => self.start_anew(caller),
        }
    }

    /// Returns the position at which calls start from a caller without a link.
    #[cold]
    fn start_anew(&'static self, caller: Option<&'static Node>) -> &'static Position {
        match (caller, self.folded.get()) {
            (Some(_), Some(folded)) => folded,
            _ => self.add(caller),
        }
    }

    fn add(&'static self, caller: Option<&'static Node>) -> &'static Position {
        let _ignored = IgnoreAllocs::begin();
        let site = &self.site;
        let outwards = || std::iter::successors(caller, |node| node.caller);
        let same = outwards().find(|node| ptr::eq(node.site, site));
        // One recursive node stands for all deeper calls of a recursion.
        let known = same.filter(|same| matches!(same.kind, Kind::Recursive(_)));
        // A root is always added: there are no more roots than functions.
        let is_full = || {
            caller.is_some()
                && (self.links.iter().count() >= CALLERS
                    || outwards().nth(DEPTH - 1).is_some()
                    || COUNT.fetch_add(1, Relaxed) >= NODES)
        };
        let start = match (known, same) {
            (Some(known), _) if self.links.iter().count() < CALLERS => known.start(),
            _ if is_full() => {
                return self.folded.get_or_init(|| Node::leak(site, None, Kind::Folded).start());
            }
            (_, Some(same)) => Node::leak(site, caller, Kind::Recursive(same)).start(),
            (_, None) => Node::leak(site, caller, Kind::Ordinary).start(),
        };
        self.links.add(Link { caller, start }, |link| link.is_from(caller)).start
    }
}

impl Node {
    fn leak(site: &'static Site, caller: Option<&'static Node>, kind: Kind) -> &'static Node {
        let node: &'static Node = Box::leak(Box::new(Node {
            site,
            caller,
            kind,
            freed_elsewhere: FreedElsewhere::new(),
            start: OnceLock::new(),
            carried: OnceLock::new(),
        }));
        node.start();
        node
    }

    /// Returns the position at which work starts that is carried out of a call.
    pub fn carried(&'static self) -> &'static Position {
        self.carried.get_or_init(|| {
            let _ignored = IgnoreAllocs::begin();
            Box::leak(Box::new(Position::carried(self)))
        })
    }

    /// Returns the net of the calls of this node that have ended, in bytes. Takes no lock.
    pub fn kept(&self) -> i64 {
        self.start.get().map_or(0, |start| start.kept())
    }

    /// Returns the node of the outermost call if this one is a recursive call's, or else itself.
    #[cfg(feature = "live")]
    pub fn outermost(&'static self) -> &'static Node {
        match self.kind {
            Kind::Recursive(outermost) => outermost,
            Kind::Ordinary | Kind::Folded => self,
        }
    }

    /// Returns how many calls of this node have ended. Takes no lock.
    #[cfg(feature = "live")]
    pub fn ended(&self) -> u64 {
        self.start.get().map_or(0, |start| start.ended())
    }

    /// Returns the position at which every call of this node starts.
    pub fn start(&'static self) -> &'static Position {
        self.start.get_or_init(|| Box::leak(Box::new(Position::entry(self))))
    }
}

/// A place in a call: in a function of one calling context, after a label.
pub(crate) struct Position {
    pub node: &'static Node,
    pub after: &'static str,
    /// True for the position at which every call of the node starts.
    pub is_entry: bool,
    /// True in work that was carried out of a call.
    pub is_carried: bool,
    /// The segments that start here.
    segments: AppendList<Segment>,
}

/// The way from one point of a function to the next in one calling context, with its totals.
pub(crate) struct Segment {
    pub from: &'static Position,
    pub label: &'static str,
    at: &'static Point,
    /// The position of the call once the segment has ended.
    pub to: &'static Position,
    /// True if it is no part of a call: it counts whole calls that had a probe, or carried work
    /// that came too late for its call.
    pub whole: bool,
    pub totals: Totals,
    /// Shared by the segments with the same labels in all calling contexts.
    pub distributions: &'static Distributions,
    /// Set once the segment is in `ALL`.
    is_listed: AtomicBool,
}

static ALL: AppendList<&'static Segment> = AppendList::new();
static AFTER: Map<After> = Map::new();
static SHARED: Map<Shared> = Map::new();

/// The position of a node after a point, shared by all segments that end there.
struct After {
    at: &'static Point,
    position: &'static Position,
}

/// What segments with the same labels share in all calling contexts of their function.
struct Shared {
    /// The ends of the first such segment.
    from: &'static Position,
    at: &'static Point,
    distributions: Distributions,
}

impl Position {
    /// Creates the position at which every call of `node` starts.
    pub fn entry(node: &'static Node) -> Position {
        let segments = AppendList::new();
        Position { node, after: "entry", is_entry: true, is_carried: false, segments }
    }

    /// Creates the position at which work starts that was carried out of a call of `node`.
    pub fn carried(node: &'static Node) -> Position {
        let segments = AppendList::new();
        Position { node, after: "carried", is_entry: false, is_carried: true, segments }
    }

    /// Creates a position of the same node after another label.
    fn further(&self, after: &'static str) -> Position {
        let segments = AppendList::new();
        Position { after, is_entry: false, segments, ..*self }
    }

    /// Returns the net of the calls that started here and have ended, in bytes.
    pub fn kept(&self) -> i64 {
        let calls = self.segments.iter().filter(|segment| segment.is_call());
        calls.map(|segment| segment.totals.sums().bytes.net()).sum()
    }

    /// Returns how many of the calls that started here have ended.
    #[cfg(feature = "live")]
    pub fn ended(&self) -> u64 {
        let calls = self.segments.iter().filter(|segment| segment.is_call());
        calls.map(|segment| segment.totals.sums().count).sum()
    }

    /// Returns the segment from here to `point`, if any call has passed it.
    #[inline]
    pub fn find(&self, point: &Point) -> Option<&'static Segment> {
        self.segments.iter().find(|segment| segment.ends(point))
    }

    /// Returns the segment from here to `point`, created if no call has passed it.
    #[inline]
    pub fn segment(&'static self, point: &'static Point) -> &'static Segment {
        match self.find(point) {
            Some(segment) => segment,
            None => self.add(point),
        }
    }

    #[cold]
    fn add(&'static self, at: &'static Point) -> &'static Segment {
        let _ignored = IgnoreAllocs::begin();
        let segment = Segment {
            from: self,
            label: at.label(),
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
    fn of(from: &Position, at: &'static Point) -> &'static Position {
        let node = from.node;
        let hash = map::hash((ptr::from_ref(node), ptr::from_ref(at)));
        let is = |after: &After| ptr::eq(after.at, at) && ptr::eq(after.position.node, node);
        let make = || After { at, position: Box::leak(Box::new(from.further(at.label()))) };
        AFTER.get_or_init(hash, is, make).position
    }
}

impl Shared {
    fn of(from: &'static Position, at: &'static Point) -> &'static Distributions {
        let key = |from: &Position, at: &Point| {
            let site = from.node.site;
            (ptr::from_ref(site), from.after, at.label(), site.is_whole(at))
        };
        let ours = key(from, at);
        let is = |shared: &Shared| key(shared.from, shared.at) == ours;
        let make = || Shared { from, at, distributions: Distributions::new() };
        &SHARED.get_or_init(map::hash(ours), is, make).distributions
    }
}

impl Segment {
    /// Adds an observation, on the thread with this shard.
    #[allow(clippy::inline_always, reason = "what it adds is in registers")]
    #[inline(always)]
    pub fn add(&self, shard: Shard, observation: Observation) {
        self.totals.add(shard, observation);
        if observation.bytes != Bytes::ZERO {
            self.distributions.add(shard, observation.peak, observation.bytes.allocated);
        }
    }

    /// Whether its totals are those of whole calls: it counts calls with a probe, or is all of a
    /// call.
    pub fn is_call(&self) -> bool {
        self.whole || (self.from.is_entry && self.from.node.site.ends_at(self.at))
    }

    /// Whether it is the first segment from its position whose totals are those of whole calls.
    pub fn is_first_call(&self) -> bool {
        let first = self.from.segments.iter().find(|segment| segment.is_call());
        first.is_some_and(|first| ptr::eq(first, self))
    }

    /// Whether the segment ends at `point`.
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

/// Returns every segment that any call has finished.
pub(crate) fn all() -> impl Iterator<Item = &'static Segment> {
    ALL.iter().copied()
}
