//! Calling contexts, with the same room as the call tree of a running program.

use std::collections::HashMap;

use crate::report::Node;
use crate::report::builder::rows::highest;

/// Most contexts beside the roots.
const CONTEXTS: usize = 1024;
/// Most callers of one function.
const CALLERS: usize = 32;
/// Most nested calls on a path.
const DEPTH: usize = 64;

/// A function in one calling context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Context(usize);

#[derive(Clone, Copy, Debug)]
enum Kind {
    Ordinary,
    /// The function is in its own calling context already: there.
    Recursive(Context),
    /// All contexts of the function that there was no room for.
    Folded,
}

#[derive(Clone, Debug)]
struct Place {
    function: &'static str,
    caller: Option<Context>,
    kind: Kind,
    /// The branch of the report's tree; `None` for a folded one.
    branch: Option<usize>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Contexts {
    all: Vec<Place>,
    /// The context of a function's calls from a caller.
    links: HashMap<(Option<Context>, &'static str), Context>,
    callers: HashMap<&'static str, usize>,
    folded: HashMap<&'static str, Context>,
    /// The branches of the tree: the caller's, and the function.
    branches: Vec<(Option<usize>, &'static str)>,
    branch_of: HashMap<(Option<usize>, &'static str), usize>,
    /// Contexts that are not roots.
    nested: usize,
}

impl Contexts {
    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn function(&self, context: Context) -> &'static str {
        self.all[context.0].function
    }

    pub fn is_recursive(&self, context: Context) -> bool {
        matches!(self.all[context.0].kind, Kind::Recursive(_))
    }

    /// Whether `outer` is a caller of `inner`, at whatever distance.
    pub fn is_around(&self, outer: Context, inner: Context) -> bool {
        self.outwards(self.all[inner.0].caller).any(|context| context == outer)
    }

    fn outwards(&self, from: Option<Context>) -> impl Iterator<Item = Context> {
        std::iter::successors(from, |context| self.all[context.0].caller)
    }

    /// Returns the context of a function's calls from a caller, if there is one.
    pub fn find(&self, caller: Option<Context>, function: &'static str) -> Option<Context> {
        let folded = || caller.and_then(|_| self.folded.get(function));
        self.links.get(&(caller, function)).or_else(folded).copied()
    }

    pub fn enter(&mut self, caller: Option<Context>, function: &'static str) -> Context {
        if let Some(context) = self.find(caller, function) {
            return context;
        }
        let same = self.outwards(caller).find(|&context| self.function(context) == function);
        let callers = self.callers.get(function).copied().unwrap_or(0);
        let is_full = caller.is_some()
            && (callers >= CALLERS
                || self.outwards(caller).nth(DEPTH - 1).is_some()
                || self.nested >= CONTEXTS);
        let context = match same {
            // One recursive context stands for all deeper calls of a recursion.
            Some(same) if self.is_recursive(same) && callers < CALLERS => same,
            _ if is_full => {
                let folded = self.add(function, None, Kind::Folded);
                self.folded.insert(function, folded);
                return folded;
            }
            Some(same) => self.add(function, caller, Kind::Recursive(same)),
            None => self.add(function, caller, Kind::Ordinary),
        };
        self.links.insert((caller, function), context);
        *self.callers.entry(function).or_default() += 1;
        context
    }

    fn add(&mut self, function: &'static str, caller: Option<Context>, kind: Kind) -> Context {
        let branch = match kind {
            Kind::Folded => None,
            Kind::Recursive(same) => self.all[same.0].branch,
            Kind::Ordinary => {
                // A folded caller stands for many contexts, so its nested calls are roots.
                let around = caller.and_then(|caller| self.all[caller.0].branch);
                Some(self.add_branch(around, function))
            }
        };
        self.nested += usize::from(caller.is_some());
        self.all.push(Place { function, caller, kind, branch });
        Context(self.all.len() - 1)
    }

    fn add_branch(&mut self, around: Option<usize>, function: &'static str) -> usize {
        *self.branch_of.entry((around, function)).or_insert_with(|| {
            self.branches.push((around, function));
            self.branches.len() - 1
        })
    }

    pub fn branch(&self, context: Context) -> Option<usize> {
        self.all[context.0].branch
    }

    /// Returns the functions of the branches; a caller comes before those it calls.
    pub fn branches(&self) -> impl Iterator<Item = &'static str> {
        self.branches.iter().map(|&(_, function)| function)
    }

    /// Returns the roots of the tree that the nodes of all branches make.
    pub fn tree(&self, nodes: Vec<Node>) -> Vec<Node> {
        let mut roots = Vec::new();
        let mut nodes: Vec<Option<Node>> = nodes.into_iter().map(Some).collect();
        // From the end, so that a node is complete: what it called comes after it.
        for at in (0..nodes.len()).rev() {
            let Some(mut node) = nodes[at].take() else { continue };
            node.segments.sort_by_key(|segment| highest(segment.figures));
            sort(&mut node.children);
            match self.branches[at].0.and_then(|around| nodes[around].as_mut()) {
                Some(around) => around.children.push(node),
                None => roots.push(node),
            }
        }
        sort(&mut roots);
        roots
    }

    /// Adds the contexts of another, and returns for each of them what it is here.
    pub fn merge(&mut self, other: &Contexts) -> HashMap<Context, Context> {
        let mut here: HashMap<Context, Context> = HashMap::new();
        for (at, place) in other.all.iter().enumerate() {
            // A folded context has no caller that is known, and must not become a root.
            let context = match (place.kind, self.folded.get(place.function)) {
                (Kind::Folded, Some(&folded)) => folded,
                (Kind::Folded, None) => {
                    let folded = self.add(place.function, None, Kind::Folded);
                    self.folded.insert(place.function, folded);
                    folded
                }
                _ => self.enter(place.caller.map(|caller| here[&caller]), place.function),
            };
            here.insert(Context(at), context);
        }
        here
    }
}

/// Sorts siblings by high water, highest first. They come in reverse order.
fn sort(siblings: &mut [Node]) {
    siblings.reverse();
    siblings.sort_by_key(|node| highest(node.figures));
}
