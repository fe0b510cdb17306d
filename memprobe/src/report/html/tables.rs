//! The tables of the page: functions, segments, calling contexts.

use std::fmt::Write as _;

use horrorshow::prelude::*;
use horrorshow::{Raw, box_html, owned_html};

use crate::format::units::HumanCount;
use crate::report::distribution::Distribution;
use crate::report::verdicts::Verdicts;
use crate::report::{Figures, Function, Node, Outcomes, Report, SegmentTotals};

use super::packed::{Names, Packed, Strings};
use super::table::{Column, Head, Kind, Row, Scale, Table};
use super::tags;

/// Renders all tables, with a field to find rows by their heads.
pub(super) fn tables<'a>(report: &'a Report, verdicts: &'a Verdicts) -> impl RenderOnce + use<'a> {
    let functions = functions(report, verdicts);
    let segments = segments(report);
    let contexts = contexts(report, verdicts);
    let names = names(report);
    let mut json =
        format!(r#"{{"names":{},"labels":{}"#, names.functions.json(), names.labels.json());
    for (id, packed) in [
        (functions.id, functions.pack(&names)),
        (segments.id, segments.pack(&names)),
        (contexts.id, contexts.pack(&names)),
    ] {
        let _ = write!(json, r#","{id}":"{}""#, packed.as_str());
    }
    json.push('}');
    owned_html! {
        div(id="find", role="search", hidden="") {
            label(for="query") : "Find a function, a segment or a calling context";
            input(
                id="query",
                type="search",
                autocomplete="off",
                spellcheck="false",
                placeholder="part of a name or of a label"
            );
            p(id="hits", class="soft", role="status") {}
        }
        : functions.section();
        @ if !segments.rows.is_empty() {
            : segments.section();
        }
        : contexts.section();
        script(id="rows", type="application/json") : Raw(json);
    }
}

fn names(report: &Report) -> Names {
    fn add(nodes: &[Node], all: &mut Vec<&'static str>) {
        for node in nodes {
            all.push(node.function);
            add(&node.children, all);
        }
    }
    let mut functions = report.functions.iter().map(|function| function.name).collect();
    add(&report.tree, &mut functions);
    let segments = report.functions.iter().flat_map(Function::all_segments);
    let labels = segments.flat_map(|segment| [segment.from, segment.label]).collect();
    Names { functions: Strings::of(functions), labels: Strings::of(labels) }
}

/// The bars of the columns of peaks and nets.
struct Scales {
    peaks: Kind,
    nets: Kind,
}

impl Scales {
    fn of<'a>(figures: impl Iterator<Item = &'a Figures> + Clone) -> Scales {
        Scales {
            peaks: Kind::Bar(Scale::of(figures.clone().map(|figures| figures.high_water as i64))),
            nets: Kind::Bar(Scale::of(figures.map(Figures::net))),
        }
    }
}

/// Converts a figure for a cell.
fn cell(figure: impl Into<Option<u64>>) -> Option<i64> {
    figure.into().map(|figure| i64::try_from(figure).unwrap_or(i64::MAX))
}

/// Encodes a figure for [`Kind::Bound`] and [`Kind::Estimate`].
fn marked(figure: u64, is_marked: bool) -> i64 {
    i64::try_from(figure).unwrap_or(i64::MAX).saturating_mul(2).saturating_add(is_marked.into())
}

fn quantiles(distribution: &Distribution, figures: Option<&Figures>) -> [Option<i64>; 3] {
    [0.5, 0.95, 0.99].map(|q| cell(figures.and_then(|_| distribution.quantile(q))))
}

fn per_call(figures: Option<&Figures>) -> Option<i64> {
    figures?.steady.map(|steady| steady.per_call())
}

/// Counts the calls that did not return, by how they ended.
fn ends(outcomes: &Outcomes) -> String {
    let ends = [(outcomes.panicked, "panicked"), (outcomes.cancelled, "cancelled")];
    let ends = ends.into_iter().filter(|(count, _)| *count > 0);
    let ends: Vec<_> = ends.map(|(count, how)| format!("{count} {how}")).collect();
    ends.join(", ")
}

fn pack_ends(outcomes: &Outcomes, packed: &mut Packed) {
    packed.count(outcomes.panicked);
    packed.count(outcomes.cancelled);
}

/// Renders a path with its last part set off; lines may break after each part.
fn path(path: &'static str) -> impl RenderOnce {
    let (module, name) = path.split_at(path.rfind("::").map_or(0, |at| at + 2));
    let module: Vec<&str> = module.split_inclusive("::").collect();
    owned_html! {
        @ for part in module {
            span(class="module") : part;
        }
        : name;
    }
}

// --- functions ----------------------------------------------------------------------------

pub(super) fn functions<'a>(report: &'a Report, verdicts: &'a Verdicts) -> Table<FunctionHead<'a>> {
    let all = report.functions.iter().filter_map(|function| function.figures.as_ref());
    let Scales { peaks, nets } = Scales::of(all);
    let named = [
        verdicts.pressure.found().map(|found| found.function),
        report.highest_peak().map(|(function, _)| function.name),
    ];
    let rows = report.functions.iter().map(|function| {
        let is_at = |path: &[&'static str]| path.last() == Some(&function.name);
        Row {
            is_pinned: verdicts.paths().any(is_at) || named.contains(&Some(function.name)),
            cells: function_cells(function),
            head: FunctionHead { function, verdicts },
        }
    });
    Table {
        id: "functions",
        title: "Functions",
        caption: "Bytes; with the calls inside unless it says by itself. Ranked by what the calls \
                  at once would need if all peaked together. Net is allocated less freed by the \
                  calls themselves: a result that is handed on and freed elsewhere counts too."
            .to_owned(),
        head: "Function",
        noun: "functions",
        ranked_by: "a peak × at once",
        ranked: 3,
        columns: vec![
            Column::new("Calls", "all", Kind::Count),
            Column::new("Calls", "at once", Kind::Bound),
            Column::new("Peak of a call", "highest", peaks),
            Column::new("Peak of a call", "× at once", Kind::Bytes),
            Column::spread("Peaks of single calls", "p50"),
            Column::spread("Peaks of single calls", "p95"),
            Column::spread("Peaks of single calls", "p99"),
            Column::spread("Peaks of single calls", "first"),
            Column::new("Net", "in all", nets),
            Column::new("Net", "per call, warm", Kind::Growth),
            Column::new("Allocated", "in all", Kind::Bytes),
            Column::new("Allocated", "by itself", Kind::Bytes),
            Column::spread("Allocated by single calls", "p50"),
            Column::spread("Allocated by single calls", "p95"),
            Column::spread("Allocated by single calls", "p99"),
            Column::spread("Allocated by single calls", "first"),
        ],
        rows: rows.collect(),
    }
}

fn function_cells(function: &Function) -> Vec<Option<i64>> {
    let figures = function.of_ended_calls();
    let [p50, p95, p99] = quantiles(&function.peaks, figures);
    let [allocated50, allocated95, allocated99] = quantiles(&function.allocations, figures);
    vec![
        cell(function.outcomes.calls()),
        function.max_concurrent.map(|calls| marked(calls, !function.max_concurrent_exact)),
        cell(figures.map(|figures| figures.high_water)),
        cell(function.pressure()),
        p50,
        p95,
        p99,
        cell(function.first_call.map(|cold| cold.peak)),
        figures.map(Figures::net),
        per_call(figures),
        cell(figures.map(|figures| figures.allocated)),
        cell(function.figures.map(|figures| figures.self_allocated)),
        allocated50,
        allocated95,
        allocated99,
        cell(function.first_call.map(|cold| cold.allocated)),
    ]
}

pub(super) struct FunctionHead<'a> {
    function: &'a Function,
    verdicts: &'a Verdicts,
}

impl Head for FunctionHead<'_> {
    fn text(&self) -> String {
        self.function.name.to_owned()
    }

    fn html(&self) -> Box<dyn RenderBox> {
        let Function { name, ref outcomes, .. } = *self.function;
        let tags = tags(self.verdicts, |path| path.last() == Some(&name));
        let ends = ends(outcomes);
        box_html! {
            : path(name);
            : tags;
            @ if !ends.is_empty() {
                div(class="soft") : ends;
            }
        }
    }

    fn pack(&self, names: &Names, packed: &mut Packed) {
        packed.count(names.functions.number(self.function.name));
        pack_ends(&self.function.outcomes, packed);
    }
}

// --- segments -----------------------------------------------------------------------------

/// Builds the table of segments, for functions that have probes.
pub(super) fn segments(report: &Report) -> Table<SegmentHead<'_>> {
    let is_probed = |function: &&Function| function.all_segments().nth(1).is_some();
    let probed = || report.functions.iter().filter(is_probed);
    let all = probed().flat_map(Function::all_segments);
    let all: Vec<&Figures> = all.filter_map(|segment| segment.figures.as_ref()).collect();
    let Scales { peaks, nets } = Scales::of(all.iter().copied());
    let rows = probed().flat_map(|function| {
        function.all_segments().map(|segment| Row {
            head: SegmentHead { function: function.name, segment },
            cells: segment_cells(segment),
            is_pinned: false,
        })
    });
    Table {
        id: "segments",
        title: "Segments",
        caption: "From probe to probe. The level is what the call held before and the peak of \
                  the segment, so the highest shows where the call peaked. What began at carried \
                  is work on another thread, which is also in a segment of its call."
            .to_owned(),
        head: "Function and segment",
        noun: "segments",
        ranked_by: "a level",
        ranked: 1,
        columns: vec![
            Column::new("Segment", "passed", Kind::Count),
            Column::new("Level of its call", "highest", peaks),
            Column::spread("Peaks of single passes", "p50"),
            Column::spread("Peaks of single passes", "p95"),
            Column::spread("Peaks of single passes", "p99"),
            Column::new("Net", "in all", nets),
            Column::new("Allocated", "in all", Kind::Bytes),
            Column::new("Allocated", "by itself", Kind::Bytes),
        ],
        rows: rows.collect(),
    }
}

fn segment_cells(segment: &SegmentTotals) -> Vec<Option<i64>> {
    let figures = segment.figures.as_ref();
    let [p50, p95, p99] = quantiles(&segment.peaks, figures);
    vec![
        cell(segment.count),
        cell(figures.map(|figures| figures.high_water)),
        p50,
        p95,
        p99,
        figures.map(Figures::net),
        cell(figures.map(|figures| figures.allocated)),
        cell(figures.map(|figures| figures.self_allocated)),
    ]
}

pub(super) struct SegmentHead<'a> {
    function: &'static str,
    segment: &'a SegmentTotals,
}

impl SegmentHead<'_> {
    fn ends(&self) -> String {
        format!("{} → {}", self.segment.from, self.segment.label)
    }
}

impl Head for SegmentHead<'_> {
    fn text(&self) -> String {
        format!("{} {}", self.function, self.ends())
    }

    fn html(&self) -> Box<dyn RenderBox> {
        let (function, ends) = (self.function, self.ends());
        box_html! {
            : path(function);
            div : ends;
        }
    }

    fn pack(&self, names: &Names, packed: &mut Packed) {
        packed.count(names.functions.number(self.function));
        packed.count(names.labels.number(self.segment.from));
        packed.count(names.labels.number(self.segment.label));
    }
}

// --- calling contexts ---------------------------------------------------------------------

pub(super) fn contexts<'a>(report: &'a Report, verdicts: &'a Verdicts) -> Table<ContextHead<'a>> {
    let contexts = report.contexts();
    let nodes = || contexts.iter().filter_map(|path| path.last());
    let Scales { peaks, nets } = Scales::of(nodes().filter_map(|node| node.figures.as_ref()));
    let has_owners = report.live.is_some();
    let rows = contexts.iter().filter_map(|path| {
        let node = *path.last()?;
        let path: Vec<&'static str> = path.iter().map(|node| node.function).collect();
        Some(Row {
            is_pinned: verdicts.paths().any(|other| other == path),
            cells: context_cells(node, has_owners),
            head: ContextHead { path, outcomes: &node.outcomes, verdicts },
        })
    });
    let rows = rows.collect();
    let mut columns = vec![
        Column::new("Calls", "all", Kind::Count),
        Column::new("Peak of a call", "highest", peaks),
        Column::new("Peak of a call", "by itself", Kind::Bytes),
        Column::new("Net", "in all", nets),
        Column::new("Net", "per call, warm", Kind::Growth),
        Column::new("Allocated", "in all", Kind::Bytes),
        Column::new("Allocated", "by itself", Kind::Bytes),
    ];
    if has_owners {
        columns.push(Column::new("Owns now", "by itself", Kind::Estimate));
    }
    let mut caption =
        "The call tree: each function once for every way in which it was called.".to_owned();
    if report.folded_calls > 0 {
        let calls = HumanCount(report.folded_calls);
        let _ = write!(caption, " {calls} more calls are in contexts that it had no room for.");
    }
    Table {
        id: "contexts",
        title: "Calling contexts",
        caption,
        head: "Calling context",
        noun: "calling contexts",
        ranked_by: "a peak",
        ranked: 1,
        columns,
        rows,
    }
}

fn context_cells(node: &Node, has_owners: bool) -> Vec<Option<i64>> {
    let figures = node.of_ended_calls();
    let mut cells = vec![
        cell(node.outcomes.calls()),
        cell(figures.map(|figures| figures.high_water)),
        cell(figures.and_then(|figures| figures.self_peak)),
        figures.map(Figures::net),
        per_call(figures),
        cell(figures.map(|figures| figures.allocated)),
        cell(node.figures.map(|figures| figures.self_allocated)),
    ];
    if has_owners {
        cells.push(node.live.map(|live| marked(live.bytes, live.is_rough())));
    }
    cells
}

pub(super) struct ContextHead<'a> {
    path: Vec<&'static str>,
    outcomes: &'a Outcomes,
    verdicts: &'a Verdicts,
}

impl Head for ContextHead<'_> {
    fn text(&self) -> String {
        self.path.join(" › ")
    }

    fn html(&self) -> Box<dyn RenderBox> {
        let steps = self.path.clone();
        let tags = tags(self.verdicts, |path| path == self.path);
        let ends = ends(self.outcomes);
        box_html! {
            @ for (at, &step) in steps.iter().enumerate() {
                @ if at > 0 {
                    : " › ";
                }
                : path(step);
            }
            : tags;
            @ if !ends.is_empty() {
                div(class="soft") : ends;
            }
        }
    }

    /// Packs only the depth and the last name: rows are in the order of the tree, so the script can
    /// derive the path.
    fn pack(&self, names: &Names, packed: &mut Packed) {
        packed.count(self.path.len() as u64);
        packed.count(self.path.last().map_or(0, |name| names.functions.number(name)));
        pack_ends(self.outcomes, packed);
    }
}
