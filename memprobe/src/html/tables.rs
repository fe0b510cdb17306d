//! The figures, ranked: functions, segments, calling contexts.

use std::cmp::Reverse;
use std::fmt::Write as _;

use horrorshow::prelude::*;
use horrorshow::{box_html, owned_html};

use crate::distribution::Distribution;
use crate::report::{Figures, Function, Outcomes, Report};
use crate::units::{Count, Net, Scaled, Signed};
use crate::verdict::Verdicts;

use super::{share, tags};

/// A column: its head, and the group that it belongs to.
struct Column(&'static str, &'static str);

/// One figure in a row.
enum Cell {
    /// A figure that cannot be had.
    Absent,
    Count(u64),
    Bytes(u64),
    Growth(i64),
    /// Bytes with a bar.
    Bar(i64, Bar),
}

/// A bar on a scale that has room for what is below zero; in parts of its width.
struct Bar {
    zero: f64,
    from: f64,
    width: f64,
    is_below: bool,
}

/// The scale of the bars of one column.
#[derive(Clone, Copy)]
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn of(values: impl Iterator<Item = i64>) -> Scale {
        values.fold(Scale { low: 0.0, high: 0.0 }, |scale, value| Scale {
            low: scale.low.min(value as f64),
            high: scale.high.max(value as f64),
        })
    }

    fn cell(self, value: i64) -> Cell {
        let span = (self.high - self.low).max(1.0);
        let (zero, end) = ((0.0 - self.low) / span, (value as f64 - self.low) / span);
        let bar = Bar { zero, from: zero.min(end), width: (end - zero).abs(), is_below: value < 0 };
        Cell::Bar(value, bar)
    }
}

struct Row {
    id: Option<String>,
    head: Box<dyn RenderBox>,
    sort: String,
    cells: Vec<Cell>,
}

struct Table {
    id: &'static str,
    caption: String,
    head: &'static str,
    columns: &'static [Column],
    /// The column that it is ranked by, from 0, without the head.
    ranked: Option<usize>,
    rows: Vec<Row>,
}

impl Table {
    fn render(self) -> Box<dyn RenderBox> {
        let Table { id, caption, head, columns, ranked, rows } = self;
        let groups = groups(columns);
        let sort = move |at: usize| (ranked == Some(at)).then_some("descending");
        box_html! {
            div(class="scroll", role="region", aria-labelledby=format!("{id}-caption"), tabindex="0") {
                table(id=id) {
                    caption(id=format!("{id}-caption")) : caption;
                    thead {
                        tr {
                            th(rowspan="2", scope="col", data-column="0", data-text) : head;
                            @ for (group, width) in groups.iter() {
                                th(colspan=width.to_string(), scope="colgroup") : *group;
                            }
                        }
                        tr {
                            @ for (at, column) in columns.iter().enumerate() {
                                th(
                                    scope="col",
                                    data-column=(at + 1).to_string(),
                                    aria-sort ?= sort(at)
                                ) : column.0;
                            }
                        }
                    }
                    tbody {
                        @ for row in rows {
                            tr(id ?= row.id) {
                                th(scope="row", data-value=row.sort) : row.head;
                                @ for cell in row.cells {
                                    : cell.render();
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Neighbours of one group, and how many they are.
fn groups(columns: &[Column]) -> Vec<(&'static str, usize)> {
    let mut groups: Vec<(&'static str, usize)> = Vec::new();
    for Column(_, group) in columns {
        match groups.last_mut() {
            Some((last, width)) if last == group => *width += 1,
            _ => groups.push((group, 1)),
        }
    }
    groups
}

impl Cell {
    fn render(self) -> Box<dyn RenderBox> {
        let number = |value: i64, text: String| -> Box<dyn RenderBox> {
            box_html! { td(data-value=value.to_string()) : text; }
        };
        match self {
            Cell::Absent => box_html! { td {} },
            Cell::Count(count) => number(count as i64, Count(count).to_string()),
            Cell::Bytes(bytes) => number(bytes as i64, Scaled(bytes).to_string()),
            Cell::Growth(0) => number(0, Scaled(0).to_string()),
            Cell::Growth(bytes) => number(bytes, Signed(bytes).to_string()),
            Cell::Bar(bytes, bar) => {
                let place =
                    format!("left:{};width:{}", share(bar.from, 1.0), share(bar.width, 1.0));
                let zero = (bar.zero > 0.0).then(|| format!("left:{}", share(bar.zero, 1.0)));
                let class = bar.is_below.then_some("below");
                box_html! {
                    td(data-value=bytes.to_string()) {
                        : Net(bytes).to_string();
                        span(class="bar", aria-hidden="true") {
                            i(class ?= class, style=place) {}
                            @ if let Some(zero) = zero {
                                b(style=zero) {}
                            }
                        }
                    }
                }
            }
        }
    }

    fn bytes(bytes: Option<u64>) -> Cell {
        bytes.map_or(Cell::Absent, Cell::Bytes)
    }

    fn quantiles(distribution: &Distribution, figures: Option<&Figures>) -> [Cell; 3] {
        [0.5, 0.95, 0.99].map(|q| Cell::bytes(figures.and_then(|_| distribution.quantile(q))))
    }
}

/// The bars of peaks and of nets.
struct Scales {
    peaks: Scale,
    nets: Scale,
}

impl Scales {
    fn of<'a>(figures: impl Iterator<Item = &'a Figures> + Clone) -> Scales {
        Scales {
            peaks: Scale::of(figures.clone().map(|figures| figures.level as i64)),
            nets: Scale::of(figures.map(Figures::net)),
        }
    }

    fn peak(&self, figures: Option<&Figures>) -> Cell {
        figures.map_or(Cell::Absent, |figures| self.peaks.cell(figures.level as i64))
    }

    fn net(&self, figures: Option<&Figures>) -> Cell {
        figures.map_or(Cell::Absent, |figures| self.nets.cell(figures.net()))
    }
}

fn per_call(figures: Option<&Figures>) -> Cell {
    let steady = figures.and_then(|figures| figures.steady);
    steady.map_or(Cell::Absent, |steady| Cell::Growth(steady.per_call()))
}

/// How calls ended, where not all returned.
fn ends(outcomes: &Outcomes) -> String {
    let ends = [(outcomes.panicked, "panicked"), (outcomes.cancelled, "cancelled")];
    let ends = ends.into_iter().filter(|(count, _)| *count > 0);
    let ends: Vec<_> = ends.map(|(count, how)| format!("{count} {how}")).collect();
    ends.join(", ")
}

const FUNCTIONS: &[Column] = &[
    Column("all", "Calls"),
    Column("at once", "Calls"),
    Column("highest", "Peak of a call"),
    Column("× at once", "Peak of a call"),
    Column("p50", "Peak of a call"),
    Column("p95", "Peak of a call"),
    Column("p99", "Peak of a call"),
    Column("first", "Peak of a call"),
    Column("in all", "Kept"),
    Column("per call, warm", "Kept"),
    Column("in all", "Allocated"),
    Column("by itself", "Allocated"),
    Column("p50", "Allocated by a call"),
    Column("p95", "Allocated by a call"),
    Column("p99", "Allocated by a call"),
    Column("first", "Allocated by a call"),
];

pub(super) fn functions(report: &Report, verdicts: &Verdicts) -> impl RenderOnce + use<> {
    let all = report.functions.iter().filter_map(|function| function.figures.as_ref());
    let scales = Scales::of(all);
    let mut ranked: Vec<(usize, &Function)> = report.functions.iter().enumerate().collect();
    ranked.sort_by_key(|(_, function)| {
        let peak = function.figures.map(|figures| figures.peak);
        Reverse((function.pressure().or(peak), peak))
    });
    let rows = ranked.into_iter().map(|(at, function)| Row {
        id: Some(format!("f{at}")),
        head: head(function.name, &function.outcomes, verdicts, |path| {
            path.last() == Some(&function.name)
        }),
        sort: function.name.to_owned(),
        cells: function_cells(function, &scales),
    });
    let table = Table {
        id: "functions",
        caption: "Bytes; with the calls inside unless it says by itself. Ranked by what the calls \
                  at once would need if all peaked together."
            .to_owned(),
        head: "Function",
        columns: FUNCTIONS,
        ranked: Some(3),
        rows: rows.collect(),
    };
    section("Functions", table)
}

fn function_cells(function: &Function, scales: &Scales) -> Vec<Cell> {
    let figures = function.figures.as_ref();
    let [p50, p95, p99] = Cell::quantiles(&function.peaks, figures);
    let [allocated50, allocated95, allocated99] = Cell::quantiles(&function.allocations, figures);
    vec![
        Cell::Count(function.outcomes.calls()),
        function.most_at_once.map_or(Cell::Absent, Cell::Count),
        scales.peak(figures),
        Cell::bytes(function.pressure()),
        p50,
        p95,
        p99,
        Cell::bytes(function.cold.map(|cold| cold.peak)),
        scales.net(figures),
        per_call(figures),
        Cell::bytes(figures.map(|figures| figures.allocated)),
        Cell::bytes(figures.map(|figures| figures.self_allocated)),
        allocated50,
        allocated95,
        allocated99,
        Cell::bytes(function.cold.map(|cold| cold.allocated)),
    ]
}

const SEGMENTS: &[Column] = &[
    Column("passed", "Segment"),
    Column("highest", "Level of its call"),
    Column("p50", "Peak of the segment"),
    Column("p95", "Peak of the segment"),
    Column("p99", "Peak of the segment"),
    Column("in all", "Kept"),
    Column("in all", "Allocated"),
    Column("by itself", "Allocated"),
];

/// Segments of the functions that have probes.
pub(super) fn segments(report: &Report) -> Box<dyn RenderBox> {
    let probed = || report.functions.iter().filter(|function| function.segments.len() > 1);
    let all = probed().flat_map(|function| &function.segments);
    let scales = Scales::of(all.filter_map(|segment| segment.figures.as_ref()));
    let mut rows = Vec::new();
    for function in probed() {
        for segment in &function.segments {
            let figures = segment.figures.as_ref();
            let [p50, p95, p99] = Cell::quantiles(&segment.peaks, figures);
            let cells = vec![
                Cell::Count(segment.count),
                scales.peak(figures),
                p50,
                p95,
                p99,
                scales.net(figures),
                Cell::bytes(figures.map(|figures| figures.allocated)),
                Cell::bytes(figures.map(|figures| figures.self_allocated)),
            ];
            let name = function.name;
            let ends = format!("{} → {}", segment.from, segment.label);
            let sort = format!("{name} {ends}");
            let head = box_html! {
                : name;
                div : ends;
            };
            rows.push(Row { id: None, head, sort, cells });
        }
    }
    if rows.is_empty() {
        return Box::new("");
    }
    let table = Table {
        id: "segments",
        caption: "From probe to probe. The level is what the call held before and the peak of \
                  the segment, so the highest shows where the call peaked."
            .to_owned(),
        head: "Function and segment",
        columns: SEGMENTS,
        ranked: None,
        rows,
    };
    Box::new(section("Segments", table))
}

const CONTEXTS: &[Column] = &[
    Column("all", "Calls"),
    Column("highest", "Peak of a call"),
    Column("by itself", "Peak of a call"),
    Column("in all", "Kept"),
    Column("per call, warm", "Kept"),
    Column("in all", "Allocated"),
    Column("by itself", "Allocated"),
];

pub(super) fn contexts(report: &Report, verdicts: &Verdicts) -> impl RenderOnce + use<> {
    let contexts = report.contexts();
    let scales = {
        let nodes = contexts.iter().filter_map(|path| path.last());
        Scales::of(nodes.filter_map(|node| node.figures.as_ref()))
    };
    let mut rows = Vec::new();
    for (at, path) in contexts.iter().enumerate() {
        let Some(node) = path.last() else { continue };
        let names: Vec<&'static str> = path.iter().map(|node| node.function).collect();
        let name = names.join(" › ");
        let figures = node.figures.as_ref();
        rows.push(Row {
            id: Some(format!("c{at}")),
            head: head(&name, &node.outcomes, verdicts, |path| path == names),
            sort: name,
            cells: vec![
                Cell::Count(node.outcomes.calls()),
                scales.peak(figures),
                Cell::bytes(figures.and_then(|figures| figures.self_peak)),
                scales.net(figures),
                per_call(figures),
                Cell::bytes(figures.map(|figures| figures.allocated)),
                Cell::bytes(figures.map(|figures| figures.self_allocated)),
            ],
        });
    }
    let mut caption =
        "The call tree: each function once for every way in which it was called.".to_owned();
    if report.folded_calls > 0 {
        let calls = Count(report.folded_calls);
        let _ = write!(caption, " {calls} more calls are in contexts that it had no room for.");
    }
    let table = Table {
        id: "contexts",
        caption,
        head: "Calling context",
        columns: CONTEXTS,
        ranked: None,
        rows,
    };
    section("Calling contexts", table)
}

fn head(
    name: &str,
    outcomes: &Outcomes,
    verdicts: &Verdicts,
    is_at: impl Fn(&[&'static str]) -> bool,
) -> Box<dyn RenderBox> {
    let (name, tags, ends) = (name.to_owned(), tags(verdicts, is_at), ends(outcomes));
    box_html! {
        : name;
        : tags;
        @ if !ends.is_empty() {
            div { small : ends; }
        }
    }
}

fn section(title: &'static str, table: Table) -> impl RenderOnce + use<> {
    let heading = format!("{}-title", table.id);
    owned_html! {
        section(aria-labelledby=heading.clone()) {
            h2(id=heading) : title;
            : table.render();
        }
    }
}
