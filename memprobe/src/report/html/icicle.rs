//! The call tree as an icicle chart: a box for each calling context, as wide as the bytes it
//! allocated, with its nested calls below. The free part below a box is what the function allocated
//! itself.
//!
//! Only allocated bytes are shown this way: peaks do not add up, and nets can be negative.

use std::fmt::Write as _;

use horrorshow::prelude::*;
use horrorshow::{box_html, owned_html};

use crate::format::name::short;
use crate::format::units::{HumanBytes, HumanCount};
use crate::report::verdicts::Verdicts;
use crate::report::{Node, Report};

/// Boxes narrower than this part of the whole are combined.
const NARROW: f64 = 1.0 / 200.0;

/// Levels that are shown; deeper boxes are combined, because rendering recurses once a level.
const LEVELS: usize = 64;

struct Icicle<'a> {
    /// The paths of the verdicts that were found.
    paths: Vec<&'a [&'static str]>,
    whole: f64,
}

struct Item {
    /// Bytes it allocated, as a part of the whole.
    width: f64,
    text: String,
    title: String,
    row: usize,
    is_culprit: bool,
    own: f64,
    /// Nested calls too narrow or too deep for a box: how many, and their width together.
    rest: (usize, f64),
    children: Vec<Item>,
}

pub(super) fn icicle<'a>(report: &'a Report, verdicts: &Verdicts) -> impl RenderOnce + use<'a> {
    let whole = report.tree.iter().map(allocated).fold(0, u64::saturating_add);
    let paths = verdicts.paths().collect();
    let icicle = Icicle { paths, whole: whole as f64 };
    let (items, rest) = icicle.items(&report.tree, &mut Vec::new(), &mut 0);
    let all = format!("all calls: {}", HumanBytes(whole));
    owned_html! {
        section(aria-labelledby="tree") {
            h2(id="tree") : "Who allocated it";
            p(class="soft") {
                : "Bytes allocated by each call and by those it called. As wide as its bytes; \
                   the free part below a box is what the function allocated itself, and what is \
                   hatched is too narrow or too deep for a box each. ";
                span(id="how-to-zoom", hidden="") : "Click or Enter zooms in, Escape out.";
            }
            @ if whole > 0 {
                ul(class="icicle") {
                    li(style="flex-grow:1") {
                        a(href="#contexts", title=&all) : &all;
                        : list(items, rest, 0.0);
                    }
                }
            } else {
                p : "Nothing was allocated.";
            }
            p(id="zoomed", class="soft", aria-live="polite") {}
        }
    }
}

/// Returns the bytes that a node and all below it allocated themselves, so that areas add up.
fn allocated(node: &Node) -> u64 {
    let own = node.figures.map_or(0, |figures| figures.self_allocated);
    node.children.iter().map(allocated).fold(own, u64::saturating_add)
}

impl Icicle<'_> {
    /// Returns a box for each node that is wide enough, and the rest. `row` counts calling
    /// contexts in the order of their rows in the table.
    fn items(
        &self,
        nodes: &[Node],
        path: &mut Vec<&'static str>,
        row: &mut usize,
    ) -> (Vec<Item>, (usize, f64)) {
        let mut items = Vec::new();
        let mut rest = (0, 0.0);
        for node in nodes {
            path.push(node.function);
            let here = *row;
            *row += 1;
            let bytes = allocated(node);
            let (children, narrow) = self.items(&node.children, path, row);
            let width = if self.whole > 0.0 { bytes as f64 / self.whole } else { 0.0 };
            if width < NARROW || path.len() > LEVELS {
                rest = (rest.0 + 1, rest.1 + width);
            } else {
                items.push(self.item(node, path, here, width, (children, narrow)));
            }
            path.pop();
        }
        items.sort_by(|one, other| other.width.total_cmp(&one.width));
        (items, rest)
    }

    fn item(
        &self,
        node: &Node,
        path: &[&'static str],
        row: usize,
        width: f64,
        (children, rest): (Vec<Item>, (usize, f64)),
    ) -> Item {
        let figures = node.figures.unwrap_or_default();
        let name = short(node.function);
        let bytes = HumanBytes(allocated(node));
        let mut title = format!("{}: {bytes} allocated", path.join(" › "));
        let (own, calls) = (HumanBytes(figures.self_allocated), HumanCount(node.outcomes.calls()));
        let _ = write!(title, ", {own} of it itself, in {calls} calls");
        Item {
            width,
            text: format!("{name} {bytes}"),
            title,
            row,
            is_culprit: self.paths.contains(&path),
            own: if self.whole > 0.0 { figures.self_allocated as f64 / self.whole } else { 0.0 },
            rest,
            children,
        }
    }
}

fn list(items: Vec<Item>, rest: (usize, f64), own: f64) -> Box<dyn RenderBox> {
    if items.is_empty() && rest.0 == 0 {
        return Box::new("");
    }
    let grow = |width: f64| format!("flex-grow:{:.5}", width * 100.0);
    box_html! {
        ul {
            @ for item in items {
                li(style=grow(item.width)) {
                    a(
                        href=format!("#c{}", item.row),
                        class ?= item.is_culprit.then_some("culprit"),
                        title=item.title
                    ) : item.text;
                    : list(item.children, item.rest, item.own);
                }
            }
            @ if rest.0 > 0 {
                li(style=grow(rest.1)) {
                    div(class="rest", title=format!("{} more", rest.0)) {
                        span(class="hidden") : format!("{} more, too narrow or too deep to show", rest.0);
                    }
                }
            }
            @ if own > 0.0 {
                li(style=grow(own), aria-hidden="true") {}
            }
        }
    }
}
