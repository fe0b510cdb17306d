//! The call tree: one node for each function in each calling context.

use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::kept::FreedElsewhere;
use crate::segment::Stage;
use crate::site::Site;
use crate::thread::Quiet;

/// A function, as it is called from one place of the tree.
pub(crate) struct Node {
    pub site: &'static Site,
    /// `None` for a root.
    pub caller: Option<&'static Node>,
    pub kind: Kind,
    /// Of what its calls have kept.
    pub freed_elsewhere: FreedElsewhere,
    start: OnceLock<&'static Stage>,
    carried: OnceLock<&'static Stage>,
}

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Ordinary,
    /// The function is in its own calling context: the calls count for that node, where
    /// their bytes are already.
    Recursive(&'static Node),
    /// Stands for all contexts that came after the tree was full.
    Folded,
}

/// The node of a function for calls from one caller.
pub(crate) struct Link {
    caller: Option<&'static Node>,
    pub start: &'static Stage,
}

impl Link {
    #[inline]
    pub fn is_from(&self, caller: Option<&'static Node>) -> bool {
        self.caller.map(ptr::from_ref) == caller.map(ptr::from_ref)
    }
}

/// Nodes at most: each takes a few KiB for its totals.
const NODES: usize = 1024;
/// Callers of one function at most: they are looked through at each call.
const CALLERS: usize = 32;
/// Nodes on a path at most: the views of a report go down the tree, and so does whoever drops
/// it, on threads with small stacks too.
const DEPTH: usize = 64;
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// The start of calls of `site` from a caller that was not seen yet.
#[cold]
pub(crate) fn start(site: &'static Site, caller: Option<&'static Node>) -> &'static Stage {
    match (caller, site.folded.get()) {
        (Some(_), Some(folded)) => folded,
        _ => add(site, caller),
    }
}

fn add(site: &'static Site, caller: Option<&'static Node>) -> &'static Stage {
    let _quiet = Quiet::begin();
    let outwards = || std::iter::successors(caller, |node| node.caller);
    let same = outwards().find(|node| ptr::eq(node.site, site));
    // Its own context is folded: one turn of a recursion stands for all.
    let known = same.filter(|same| matches!(same.kind, Kind::Recursive(_)));
    // A root always has a place: there are no more of them than functions.
    let is_full = || {
        caller.is_some()
            && (site.links.iter().count() >= CALLERS
                || outwards().nth(DEPTH - 1).is_some()
                || COUNT.fetch_add(1, Relaxed) >= NODES)
    };
    let start = match (known, same) {
        (Some(known), _) if site.links.iter().count() < CALLERS => known.start(),
        _ if is_full() => {
            return site.folded.get_or_init(|| Node::leak(site, None, Kind::Folded).start());
        }
        (_, Some(same)) => Node::leak(site, caller, Kind::Recursive(same)).start(),
        (_, None) => Node::leak(site, caller, Kind::Ordinary).start(),
    };
    site.links.add(Link { caller, start }, |link| link.is_from(caller)).start
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

    /// Where work starts that is carried out of a call.
    pub fn carried(&'static self) -> &'static Stage {
        self.carried.get_or_init(|| {
            let _quiet = Quiet::begin();
            Box::leak(Box::new(Stage::carried(self)))
        })
    }

    /// What the calls of this node that have ended have kept, bytes. Waits for nobody.
    pub fn kept(&self) -> i64 {
        self.start.get().map_or(0, |start| start.kept())
    }

    /// Where every call of this node starts.
    pub fn start(&'static self) -> &'static Stage {
        self.start.get_or_init(|| Box::leak(Box::new(Stage::entry(self))))
    }
}
