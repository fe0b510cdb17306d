//! The call tree of a report, from the segments of its nodes.

use std::collections::HashMap;
use std::ptr;

use crate::report::{Node, NodeSegment, Outcomes};
use crate::runtime::stats::call_tree::Segment;
use crate::runtime::stats::call_tree::{self, Kind};
use crate::runtime::stats::rows::{Row, at, figures, highest};
use crate::runtime::stats::site::{Outcome, Site};
use crate::runtime::stats::totals::Sums;

/// The nodes of the report, callers before what they call.
#[derive(Default)]
pub(crate) struct Branches {
    all: Vec<Branch>,
    of_node: HashMap<*const call_tree::Node, usize>,
    /// By the caller's and the function, because two functions may have the same name.
    of_call: HashMap<(Option<usize>, *const Site), usize>,
    rows: HashMap<Row, usize>,
}

struct Branch {
    caller: Option<usize>,
    node: Node,
}

impl Branches {
    /// Adds a segment to its node, which is not one that stands for others.
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

    /// Where the branch of a node is; the turns of a recursion share that of its outermost
    /// call.
    fn place(&mut self, node: &'static call_tree::Node) -> usize {
        // From the node outwards to one that is known, and back.
        let mut unknown = Vec::new();
        let (mut caller, mut next) = (None, Some(node));
        while let Some(node) = next {
            if let Some(&place) = self.of_node.get(&ptr::from_ref(node)) {
                caller = Some(place);
                break;
            }
            next = match node.kind {
                Kind::Recursive(outermost) => Some(outermost),
                // What the others were called from is not known any more.
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
                children: Vec::new(),
            };
            self.all.push(Branch { caller, node });
            self.all.len() - 1
        })
    }

    /// The roots, with all that they have called.
    pub fn tree(mut self) -> Vec<Node> {
        let mut roots = Vec::new();
        // What is called stands after its caller, and is whole before it.
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

/// Siblings that stand the last first: the highest first, and of equal ones the first.
fn sort(siblings: &mut Vec<Node>) {
    siblings.reverse();
    siblings.sort_by_key(|node| highest(node.figures));
    siblings.shrink_to_fit();
}
