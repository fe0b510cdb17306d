//! What finished calls have kept, and how much of it may still be live. Nothing here allocates.
//!
//! The net of a function's finished calls is only a claim to live memory: results that the calls
//! handed on may have been freed in code that is not annotated. A claim above all live memory
//! cannot be true, and is reported as a bound.

use std::ptr;

use crate::runtime::readings::budget::Budget;
use crate::runtime::readings::{clock, jemalloc};
use crate::runtime::stats::call_tree::{self, Kind, Node};
use crate::runtime::stats::generation::generation;

/// Functions that are reported with what their finished calls have kept.
pub(crate) const KEEPERS: usize = 8;

/// What a function's calls hold, as far as it is known, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    Exact(i64),
    AtMost(i64),
    /// It may be all live memory.
    Unknown,
}

impl Share {
    /// Returns the bound `bytes`, which says something only if more than that is live.
    fn at_most(bytes: i64, live: i64) -> Share {
        if bytes < live { Share::AtMost(bytes) } else { Share::Unknown }
    }

    /// Returns the share of running calls with this `net`. It is exact if all running calls
    /// together have no more than what is live (`fits`), and unknown if `net` alone is more.
    pub fn of_running(net: i64, live: i64, fits: bool) -> Share {
        if net > live {
            Share::Unknown
        } else if fits || net <= 0 {
            Share::Exact(net)
        } else {
            Share::at_most(net, live)
        }
    }
}

/// What a function's finished calls may hold. Whole claims are ordered above bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Claim {
    /// It is the whole net: nothing of it is known to have been freed elsewhere.
    is_whole: bool,
    /// Upper bound, in bytes.
    bytes: i64,
}

impl Claim {
    fn of(net: i64, freed_elsewhere: i64, live: i64) -> Claim {
        let bytes = net.saturating_sub(freed_elsewhere).min(live);
        Claim { is_whole: freed_elsewhere == 0, bytes }
    }
}

/// The functions with the largest claims, in order.
struct Top<T>([Option<(Claim, T)>; KEEPERS]);

impl<T: Copy> Top<T> {
    const fn new() -> Top<T> {
        Top([None; KEEPERS])
    }

    fn add(&mut self, claim: Claim, what: T) {
        let mut new = Some((claim, what));
        for place in &mut self.0 {
            if place.is_none_or(|(there, _)| new.is_some_and(|(claim, _)| claim > there)) {
                std::mem::swap(place, &mut new);
            }
        }
    }
}

/// What running calls hold together.
#[derive(Clone, Copy)]
pub(crate) struct Held {
    pub bytes: i64,
    /// No function was left out for having more than what is live.
    pub is_all: bool,
}

/// What finished calls have kept, by functions `T`.
pub(crate) struct Kept<T> {
    live: i64,
    /// Live bytes that no running call holds.
    left: i64,
    /// Sum of the whole claims, in bytes.
    whole: i64,
    /// All claims are whole and none is negative, and the running calls' nets fit: then no
    /// memory was handed from one to another.
    is_all: bool,
    top: Top<T>,
}

impl<T: Copy> Kept<T> {
    /// Each item of `nets` is a function's net, the part of it that is known to have been freed
    /// elsewhere, and the function.
    fn of(nets: impl Iterator<Item = (i64, i64, T)>, live: i64, running: Held) -> Kept<T> {
        let held = running.bytes.clamp(0, live);
        let is_all = running.is_all && running.bytes == held;
        let mut kept = Kept { live, left: live - held, whole: 0, is_all, top: Top::new() };
        for (net, freed_elsewhere, what) in nets {
            let claim = Claim::of(net, freed_elsewhere, live);
            kept.is_all &= claim.is_whole && net >= 0;
            if claim.is_whole {
                kept.whole = kept.whole.saturating_add(claim.bytes.max(0));
            }
            if claim.bytes > 0 {
                kept.top.add(claim, what);
            }
        }
        kept
    }

    /// Returns the live bytes that neither running calls nor whole claims cover; `None` where
    /// these together are more than what is live.
    fn unclaimed(&self) -> Option<i64> {
        self.left.checked_sub(self.whole).filter(|&bytes| bytes >= 0)
    }

    /// Returns the functions whose calls have kept the most, exact figures first.
    pub fn functions(&self) -> impl Iterator<Item = (Share, T)> {
        let unclaimed = self.unclaimed();
        let share = move |claim: Claim| match unclaimed {
            Some(_) if claim.is_whole => Share::Exact(claim.bytes),
            Some(unclaimed) => Share::at_most(claim.bytes.min(unclaimed), self.live),
            None => Share::at_most(claim.bytes.min(self.left), self.live),
        };
        let all = self.top.0.iter().flatten().map(move |&(claim, what)| (share(claim), what));
        all.filter(|(share, _)| !matches!(share, Share::AtMost(..=0)))
    }

    /// Returns what no annotated function holds; `None` where the claims exceed what is live.
    pub fn rest(&self) -> Option<Share> {
        let exact = self.is_all;
        self.unclaimed().map(|bytes| if exact { Share::Exact(bytes) } else { Share::AtMost(bytes) })
    }
}

impl Kept<&'static Node> {
    /// Looks up what the finished calls of all roots have kept, nested calls included. `live`
    /// bytes are live, and running calls hold `running` of them.
    pub fn look(live: i64, running: Held) -> Self {
        let generation = generation();
        let nets = roots().map(|root| {
            let (net, over) = net_of(root);
            (net, root.freed_elsewhere.get(generation).max(over), root)
        });
        Self::of(nets, live, running)
    }
}

/// Returns the nodes without an annotated caller of which a call has finished.
fn roots() -> impl Iterator<Item = &'static Node> {
    let is_root = |node: &&Node| node.caller.is_none() && matches!(node.kind, Kind::Ordinary);
    nodes_with_ended_calls().filter(is_root)
}

/// Returns what a node's finished calls have kept, and by how much that exceeds active bytes.
fn net_of(node: &Node) -> (i64, i64) {
    let net = node.kept();
    // The net is read first: what was held then is live now, unless it was freed meanwhile.
    let live = jemalloc::active().map_or(i64::MAX, |active| active as i64);
    (net, net.saturating_sub(live).max(0))
}

/// Returns every node of which a call has finished, once.
fn nodes_with_ended_calls() -> impl Iterator<Item = &'static Node> {
    call_tree::all().filter(|segment| segment.is_first_call()).map(|segment| segment.from.node)
}

/// Returns the innermost nested function that accounts for most of the `bytes` that calls of
/// `node` have kept: more than half, and at most a quarter over. A function that returns its
/// memory to a caller that frees it has a net far above that.
pub(crate) fn most_in(mut node: &'static Node, bytes: i64) -> Option<&'static Node> {
    let mut innermost = None;
    let explains = |kept: i64| kept > bytes / 2 && kept <= bytes.saturating_add(bytes / 4);
    while let Some(nested) = nodes_with_ended_calls()
        .filter(|nested| nested.caller.is_some_and(|caller| ptr::eq(caller, node)))
        .find(|nested| matches!(nested.kind, Kind::Ordinary) && explains(nested.kept()))
    {
        innermost = Some(nested);
        node = nested;
    }
    innermost
}

/// Notes for each root how far its net exceeds active bytes, for at most 1 % of wall time. The
/// less memory is live, the more this tells about memory that was freed elsewhere.
pub(crate) fn look_for_freed() {
    /// 10 ms, in ns.
    const PAUSE: u64 = 10_000_000;
    static BUDGET: Budget = Budget::of_percent(1).with_pause(PAUSE);
    BUDGET.spend(clock::coarse(), clock::fine, || {
        if jemalloc::active().is_none() {
            return;
        }
        let generation = generation();
        for root in roots() {
            root.freed_elsewhere.saw(generation, net_of(root).1);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Held = Held { bytes: 0, is_all: true };

    /// Returns what is reported of functions with these nets, and of the rest.
    fn told(nets: &[(&'static str, i64)], live: i64, running: Held) -> (Vec<String>, String) {
        let now = nets.iter().map(|&(name, net)| (net, (net - live).max(0), name));
        told_of(&Kept::of(now, live, running))
    }

    fn told_of(kept: &Kept<&'static str>) -> (Vec<String>, String) {
        let text = |share| match share {
            Share::Exact(bytes) => format!("{bytes}"),
            Share::AtMost(bytes) => format!("<={bytes}"),
            Share::Unknown => "?".to_owned(),
        };
        let functions = kept.functions().map(|(share, name)| format!("{name} {}", text(share)));
        (functions.collect(), kept.rest().map_or_else(String::new, text))
    }

    fn running(bytes: i64) -> Held {
        Held { bytes, is_all: true }
    }

    #[test]
    fn nets_that_go_together_are_exact() {
        let (functions, rest) = told(&[("a", 10), ("b", 30), ("c", 0)], 100, running(20));
        assert_eq!((functions, &*rest), (vec!["b 30".to_owned(), "a 10".to_owned()], "40"));
        assert_eq!(told(&[], 100, NOTHING), (vec![], "100".to_owned()));
    }

    #[test]
    fn what_has_more_than_there_is_comes_last_with_what_others_leave() {
        let nets = [("search", 600), ("remember", 175), ("build_index", 14)];
        let (functions, rest) = told(&nets, 240, running(5));
        assert_eq!(functions, ["remember 175", "build_index 14", "search <=46"]);
        assert_eq!(rest, "<=46", "what was handed out may be there, or not");
    }

    #[test]
    fn nobody_has_more_than_there_is_where_others_have_freed_what_they_did_not_allocate() {
        let nets = [("upload", -385), ("remember", 175)];
        let (functions, rest) = told(&nets, 188, running(-47));
        assert_eq!((functions, &*rest), (vec!["remember 175".to_owned()], "<=13"));
    }

    #[test]
    fn nets_that_do_not_go_together_are_bounds() {
        let nets = [("a", 90), ("b", 60), ("c", 700)];
        let (functions, rest) = told(&nets, 100, running(20));
        assert_eq!(functions, ["a <=80", "b <=60", "c <=80"], "the one for sure is last");
        assert_eq!(rest, "", "nothing is known of it");
    }

    #[test]
    fn a_bound_of_all_there_is_has_no_figure() {
        assert_eq!(told(&[("a", 700)], 100, NOTHING), (vec!["a ?".into()], "<=100".to_owned()));
        let (functions, _) = told(&[("a", 700)], 100, running(1));
        assert_eq!(functions, ["a <=99"]);
    }

    #[test]
    fn there_is_nothing_to_tell_of_what_holds_nothing() {
        let (functions, rest) = told(&[("a", 700), ("b", 100), ("c", -1)], 100, NOTHING);
        assert_eq!((functions, &*rest), (vec!["b 100".to_owned()], "<=0"));
    }

    #[test]
    fn what_was_freed_elsewhere_before_is_in_no_figure() {
        let nets = [(80, 60, "search"), (30, 0, "remember")];
        let kept = Kept::of(nets.into_iter(), 140, running(50));
        let (functions, rest) = told_of(&kept);
        assert_eq!(functions, ["remember 30", "search <=20"]);
        assert_eq!(rest, "<=60");
    }

    #[test]
    fn calls_that_run_and_have_more_than_there_is_leave_the_others_their_figures() {
        let running = Held { bytes: 20, is_all: false };
        let (functions, rest) = told(&[("remember", 70)], 100, running);
        assert_eq!((functions, &*rest), (vec!["remember 70".to_owned()], "<=10"));
        assert_eq!(Share::of_running(101, 100, true), Share::Unknown);
        assert_eq!(Share::of_running(60, 100, true), Share::Exact(60));
        assert_eq!(Share::of_running(60, 100, false), Share::AtMost(60));
        assert_eq!(Share::of_running(-60, 100, false), Share::Exact(-60));
    }

    #[test]
    fn exact_figures_and_the_largest_bound_fit_into_what_is_live() {
        // All nets of three functions and of running calls out of a few.
        let some = [-150, -30, 0, 1, 40, 99, 100, 101, 400];
        for first in some {
            for second in some {
                for third in some {
                    for held in some {
                        let nets = [("a", first), ("b", second), ("c", third)];
                        let (mut exact, mut bound, mut is_exact) = (held.clamp(0, 100), 0, true);
                        let now = nets.iter().map(|&(name, net)| (net, (net - 100).max(0), name));
                        let kept = Kept::of(now, 100, running(held));
                        let shares = kept.functions().map(|(share, _)| share);
                        for share in shares.chain(kept.rest()) {
                            match share {
                                Share::Exact(bytes) => exact += bytes,
                                Share::AtMost(bytes) => bound = bound.max(bytes),
                                Share::Unknown => {}
                            }
                        }
                        assert!(exact + bound <= 100, "{nets:?} {held}: {exact} and {bound}");
                        for (share, _) in kept.functions() {
                            let is = matches!(share, Share::Exact(_));
                            assert!(is_exact || !is, "{nets:?} {held}: exact figures come first");
                            is_exact = is;
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_few_that_kept_the_most_stay() {
        let nets = [3, -1, 7, 0, 100, 5, 6, 1, 2, 4, 50, 8, 1000, 2000];
        let nets = nets.map(|net| (net, (net - 500).max(0), net));
        let kept = Kept::of(nets.into_iter(), 500, NOTHING);
        let stay: Vec<i64> = kept.functions().map(|(_, net)| net).collect();
        assert_eq!(stay, [100, 50, 8, 7, 6, 5, 4, 3]);
    }
}
