//! Builds the call tree of a report from the segments of its nodes.

use std::collections::HashMap;
use std::ptr;

use crate::report::{Node, NodeSegment, Outcomes};
use crate::runtime::stats::call_tree::Segment;
use crate::runtime::stats::call_tree::{self, Kind};
#[cfg(feature = "live")]
use crate::runtime::stats::live::sums::Sum;
use crate::runtime::stats::rows::{Row, at, figures, highest};
use crate::runtime::stats::site::{Outcome, Site};
use crate::runtime::stats::totals::Sums;

/// The nodes of the report; a caller comes before the functions it calls.
#[derive(Default)]
pub(crate) struct Branches {
    all: Vec<Branch>,
    of_node: HashMap<*const call_tree::Node, usize>,
    /// Keyed by the caller's index and the function's address: two functions may have the same
    /// name.
    of_call: HashMap<(Option<usize>, *const Site), usize>,
    rows: HashMap<Row, usize>,
}

struct Branch {
    caller: Option<usize>,
    node: Node,
}

impl Branches {
    /// Adds a segment to its node, which must not be a folded one.
    pub fn add(&mut self, segment: &Segment, sums: &Sums, ended: Option<Outcome>) {
        let place = self.place(segment.from.node);
        let node = &mut self.all[place].node;
        node.outcomes.count(ended, sums.count);
        if let Some(figures) = &mut node.figures {
            figures.add(segment, sums, ended);
        }
        if segment.whole {
            return;
        }
        let (from, label) = (segment.from.after, segment.label);
        let is_carried = segment.from.is_carried;
        let rows = if is_carried { &mut node.carried } else { &mut node.segments };
        let new = || NodeSegment { from, label, count: 0, figures: figures() };
        let row = at(&mut self.rows, (place, is_carried, from, label), rows, new);
        row.count += sums.count;
        if let Some(figures) = &mut row.figures {
            figures.add_segment(segment, sums);
        }
    }

    /// Adds what nodes own of the live memory; a node may come several times. A folded node has no
    /// branch.
    #[cfg(feature = "live")]
    pub fn add_live(&mut self, nodes: Vec<(&'static call_tree::Node, Sum)>) {
        let mut sums: HashMap<usize, Sum> = HashMap::new();
        for (node, sum) in nodes {
            if !matches!(node.kind, Kind::Folded) {
                let all = sums.entry(self.place(node)).or_default();
                *all = all.plus(sum);
            }
        }
        for (place, sum) in sums {
            self.all[place].node.live = Some(sum.estimate());
        }
    }

    /// Returns the index of a node's branch. Recursive calls have the branch of the outermost call.
    fn place(&mut self, node: &'static call_tree::Node) -> usize {
        // Walks outwards to a node that is known, then inserts the unknown ones on the way back.
        let mut unknown = Vec::new();
        let (mut caller, mut next) = (None, Some(node));
        while let Some(node) = next {
            if let Some(&place) = self.of_node.get(&ptr::from_ref(node)) {
                caller = Some(place);
                break;
            }
            next = match node.kind {
                Kind::Recursive(outermost) => Some(outermost),
                // A folded node stands for many contexts, so its callers are unknown.
                Kind::Folded => break,
                Kind::Ordinary => node.caller,
            };
            unknown.push(node);
        }
        while let Some(node) = unknown.pop() {
            if !matches!(node.kind, Kind::Recursive(_)) {
                caller = Some(self.branch(caller, node.site));
            }
            if let Some(place) = caller {
                self.of_node.insert(node, place);
            }
        }
        caller.unwrap_or_else(|| self.branch(None, node.site))
    }

    fn branch(&mut self, caller: Option<usize>, site: &'static Site) -> usize {
        *self.of_call.entry((caller, ptr::from_ref(site))).or_insert_with(|| {
            let node = Node {
                function: site.name(),
                outcomes: Outcomes::default(),
                figures: figures(),
                segments: Vec::new(),
                carried: Vec::new(),
                live: None,
                children: Vec::new(),
            };
            self.all.push(Branch { caller, node });
            self.all.len() - 1
        })
    }

    /// Returns the roots, with the functions they called as children.
    pub fn tree(mut self) -> Vec<Node> {
        let mut roots = Vec::new();
        // Popped from the end, a node is complete: the functions it called come after it.
        while let Some(Branch { caller, mut node }) = self.all.pop() {
            for segments in [&mut node.segments, &mut node.carried] {
                segments.sort_by_key(|segment| highest(segment.figures));
                segments.shrink_to_fit();
            }
            sort(&mut node.children);
            match caller.and_then(|caller| self.all.get_mut(caller)) {
                Some(caller) => caller.node.children.push(node),
                None => roots.push(node),
            }
        }
        sort(&mut roots);
        roots
    }
}

/// Sorts siblings by high water, highest first. They arrive in reverse order; equal ones get the
/// order in which they were added.
fn sort(siblings: &mut Vec<Node>) {
    siblings.reverse();
    siblings.sort_by_key(|node| highest(node.figures));
    siblings.shrink_to_fit();
}
