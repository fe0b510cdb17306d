//! A ranked table: the first rows are in the page, and the others are folded into a count. All rows
//! are also packed, for the script to sort, find and show.

use std::cmp::Reverse;

use horrorshow::prelude::*;
use horrorshow::{box_html, owned_html};

use crate::format::units::{HumanCount, Net, SignedBytes};

use super::packed::{Names, Packed};
use super::share;

/// Rows that are in the page without the script.
const SHOWN: usize = 40;

/// A column: its head, its group, and the kind of its figures.
#[derive(Clone, Copy)]
pub(super) struct Column {
    pub name: &'static str,
    pub group: &'static str,
    pub kind: Kind,
    /// Whether it is shown only on demand, because it is about the spread of single calls.
    pub is_spread: bool,
}

/// The kind of the figures in a column.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Count,
    /// Twice a count, plus one if it is a lower bound.
    Bound,
    Bytes,
    /// Twice a number of bytes, plus one if it is a rough estimate.
    Estimate,
    /// Bytes with a sign.
    Growth,
    /// Bytes with a bar.
    Bar(Scale),
}

/// The scale of the bars of one column, from its lowest value, or 0, to its highest.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    pub fn of(values: impl Iterator<Item = i64>) -> Scale {
        values.fold(Scale { low: 0.0, high: 0.0 }, |scale, value| Scale {
            low: scale.low.min(value as f64),
            high: scale.high.max(value as f64),
        })
    }

    /// Returns where a value is on the scale, from 0 to 1.
    fn place(self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low).max(1.0)
    }
}

impl Column {
    pub const fn new(group: &'static str, name: &'static str, kind: Kind) -> Column {
        Column { name, group, kind, is_spread: false }
    }

    pub const fn spread(group: &'static str, name: &'static str) -> Column {
        Column { name, group, kind: Kind::Bytes, is_spread: true }
    }

    fn class(self) -> Option<&'static str> {
        self.is_spread.then_some("spread")
    }

    fn cell(self, value: Option<i64>) -> Box<dyn RenderBox> {
        let class = self.class();
        let Some(value) = value else { return box_html! { td(class ?= class) {} } };
        let text = match self.kind {
            Kind::Count => HumanCount(value.unsigned_abs()).to_string(),
            Kind::Bound => {
                let sign = if value % 2 == 0 { "" } else { "≥ " };
                format!("{sign}{}", HumanCount(value.unsigned_abs() / 2))
            }
            Kind::Estimate => {
                let sign = if value % 2 == 0 { "" } else { "~ " };
                format!("{sign}{}", Net(value / 2))
            }
            Kind::Growth if value != 0 => SignedBytes(value).to_string(),
            Kind::Bytes | Kind::Growth | Kind::Bar(_) => Net(value).to_string(),
        };
        let bar = match self.kind {
            Kind::Bar(scale) => Some(bar(scale, value)),
            Kind::Count | Kind::Bound | Kind::Bytes | Kind::Estimate | Kind::Growth => None,
        };
        box_html! {
            td(class ?= class, data-value=value.to_string()) {
                : text;
                : bar;
            }
        }
    }
}

fn bar(scale: Scale, value: i64) -> impl RenderOnce {
    let (zero, end) = (scale.place(0.0), scale.place(value as f64));
    let (from, width) = (share(zero.min(end), 1.0), share((end - zero).abs(), 1.0));
    let class = (value < 0).then_some("below");
    let zero = (zero > 0.0).then(|| format!("left:{}", share(zero, 1.0)));
    owned_html! {
        span(class="bar", aria-hidden="true") {
            i(class ?= class, style=format!("left:{from};width:{width}")) {}
            @ if let Some(zero) = zero {
                b(style=zero) {}
            }
        }
    }
}

/// The head of a row, which can be rendered and packed.
pub(super) trait Head {
    /// Returns the text by which the row is sorted and found.
    fn text(&self) -> String;
    fn html(&self) -> Box<dyn RenderBox>;
    fn pack(&self, names: &Names, packed: &mut Packed);
}

pub(super) struct Row<H> {
    pub head: H,
    pub cells: Vec<Option<i64>>,
    /// Whether it is in the page whatever its rank.
    pub is_pinned: bool,
}

pub(super) struct Table<H> {
    pub id: &'static str,
    pub title: &'static str,
    pub caption: String,
    pub head: &'static str,
    /// Words for its rows and for what they are ranked by, used in a sentence.
    pub noun: &'static str,
    pub ranked_by: &'static str,
    /// Index of the column by which it is ranked.
    pub ranked: usize,
    pub columns: Vec<Column>,
    pub rows: Vec<Row<H>>,
}

impl<H: Head> Table<H> {
    /// Packs all rows for the script.
    pub fn pack(&self, names: &Names) -> Packed {
        let mut packed = Packed::default();
        for row in &self.rows {
            row.head.pack(names, &mut packed);
            for &cell in &row.cells {
                packed.push(cell);
            }
        }
        packed
    }

    /// Returns the rows that are in the page, and a sentence about the others.
    fn shown(&self) -> (Vec<usize>, Option<String>) {
        let value = |at: usize| self.rows[at].cells[self.ranked];
        let mut ranked: Vec<usize> = (0..self.rows.len()).collect();
        ranked.sort_by_key(|&at| Reverse(value(at)));
        let highest = ranked.first().and_then(|&at| value(at));
        let (shown, folded) = ranked.split_at(ranked.len().min(SHOWN));
        let (pinned, folded): (Vec<usize>, Vec<usize>) =
            folded.iter().partition(|&&at| self.rows[at].is_pinned);
        let rest = folded.first().map(|&first| {
            let count = HumanCount(folded.len() as u64);
            let bound = value(first).zip(highest.filter(|&highest| highest > 0));
            let bound = bound.map_or(String::new(), |(most, highest)| {
                let percent = most as f64 / highest as f64 * 100.0;
                let (by, most) = (self.ranked_by, Net(most));
                format!(", each with {by} of at most {most} ({percent:.1}% of the highest)")
            });
            format!("{count} {} more{bound}.", self.noun)
        });
        (shown.iter().copied().chain(pinned).collect(), rest)
    }

    pub fn section(&self) -> impl RenderOnce + '_ {
        let (shown, rest) = self.shown();
        let Table { id, title, caption, .. } = self;
        let heading = format!("{id}-title");
        let switch = format!("{id}-spread");
        let spread = self.columns.iter().any(|column| column.is_spread);
        owned_html! {
            section(aria-labelledby=heading.clone()) {
                h2(id=&heading) : *title;
                p(class="soft", id=format!("{id}-caption")) : caption;
                @ if spread {
                    input(type="checkbox", class="switch", id=&switch);
                    label(for=&switch) : " show how single calls differ";
                }
                p(class="soft wide", hidden="") : "More columns: scroll sideways →";
                div(class="scroll", role="region", aria-labelledby=format!("{id}-caption"), tabindex="0") {
                    table(id=*id, aria-labelledby=format!("{id}-caption"), data-noun=self.noun, data-shown=SHOWN.to_string()) {
                        : self.thead();
                        tbody {
                            @ for &at in shown.iter() {
                                : self.row(at);
                            }
                        }
                    }
                }
                p(class="folded soft") {
                    span : rest.as_deref();
                    @ if rest.is_some() {
                        noscript : " With scripts on they can be shown, sorted and found.";
                    }
                }
            }
        }
    }

    fn thead(&self) -> impl RenderOnce + '_ {
        let groups = self.groups();
        let sort = move |at: usize| (self.ranked == at).then_some("descending");
        owned_html! {
            thead {
                tr {
                    th(rowspan="2", scope="col", data-column="0", data-kind="text") : self.head;
                    @ for (column, width) in groups.iter() {
                        th(colspan=width.to_string(), scope="colgroup", class ?= column.class())
                            : column.group;
                    }
                }
                tr {
                    @ for (at, column) in self.columns.iter().enumerate() {
                        th(
                            scope="col",
                            data-column=(at + 1).to_string(),
                            data-kind=column.kind.name(),
                            data-scale ?= column.kind.scale(),
                            class ?= column.class(),
                            aria-sort ?= sort(at)
                        ) : column.name;
                    }
                }
            }
        }
    }

    fn row(&self, at: usize) -> impl RenderOnce + '_ {
        let row = &self.rows[at];
        let cells = self.columns.iter().zip(&row.cells);
        let cells: Vec<_> = cells.map(|(column, &value)| column.cell(value)).collect();
        owned_html! {
            // The id is the first letter of the table's id and the index of the row.
            tr(id=format!("{}{at}", &self.id[..1])) {
                th(scope="row", data-value=row.head.text()) : row.head.html();
                @ for cell in cells {
                    : cell;
                }
            }
        }
    }

    /// Returns runs of neighbouring columns of one group: the first, and how many.
    fn groups(&self) -> Vec<(Column, usize)> {
        let mut groups: Vec<(Column, usize)> = Vec::new();
        for &column in &self.columns {
            match groups.last_mut() {
                Some((last, width))
                    if (last.group, last.is_spread) == (column.group, column.is_spread) =>
                {
                    *width += 1;
                }
                _ => groups.push((column, 1)),
            }
        }
        groups
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Count => "count",
            Kind::Bound => "bound",
            Kind::Bytes | Kind::Bar(_) => "bytes",
            Kind::Estimate => "estimate",
            Kind::Growth => "growth",
        }
    }

    fn scale(self) -> Option<String> {
        match self {
            Kind::Bar(Scale { low, high }) => Some(format!("{low} {high}")),
            Kind::Count | Kind::Bound | Kind::Bytes | Kind::Estimate | Kind::Growth => None,
        }
    }
}
