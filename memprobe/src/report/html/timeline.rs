//! The chart of RSS and `allocated` over time, and the segments that raised them.
//!
//! A sample is taken by the call that reaches a point when one is due. A rise is therefore
//! attributed to a segment that ended since the previous sample, and not to the function of the
//! sample. If no segment is large enough, the page says that none explains the rise.

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::time::Duration;

use horrorshow::owned_html;
use horrorshow::prelude::*;

use crate::format::name::short;
use crate::format::units::{HumanBytes, HumanDuration, Net, SignedBytes};
use crate::report::{Pass, Report, Sample};

use super::axes::Axes;
use super::share;

/// Most samples that are marked with a number.
const MARKS: usize = 6;
/// Smallest rise that is marked, as a part of the chart's height.
const STEEP: f64 = 1.0 / 50.0;
/// Smallest distance between marks, as a part of the chart's width.
const APART: f64 = 0.09;
/// Half the width of a mark, and the width of a letter beside it, as parts of the chart's width.
const MARK: f64 = 0.015;
const CHAR: f64 = 0.007;
/// The limit is on the chart if the highest figure is at least the limit divided by this.
const SHOWN: u64 = 5;

struct Chart<'a> {
    samples: &'a [Sample],
    axes: Axes,
    limit: Option<u64>,
    /// Whether the limit is on the chart.
    reaches: bool,
}

/// A sample that is marked on the chart.
struct Mark<'a> {
    sample: &'a Sample,
    /// The figure that is marked: RSS, or `allocated` if there is no RSS.
    name: &'static str,
    /// Its value, and by how much it is above the previous sample.
    bytes: u64,
    step: i64,
    is_highest: bool,
}

pub(super) fn timeline(report: &Report) -> impl RenderOnce + '_ {
    let chart = Chart::new(report);
    owned_html! {
        section(aria-labelledby="timeline") {
            h2(id="timeline") : "Memory over time";
            @ if let Some(chart) = &chart {
                : chart.figure();
            } else {
                p(class="soft") : "No point was sampled.";
            }
        }
    }
}

impl<'a> Chart<'a> {
    fn new(report: &'a Report) -> Option<Chart<'a>> {
        let samples = &report.timeline[..];
        let highest = samples.iter().filter_map(|sample| sample.rss.max(sample.allocated)).max()?;
        let limit = report.process.limit.as_ref().map(|limit| limit.bytes);
        let reaches = limit.is_some_and(|limit| highest >= limit / SHOWN);
        let shown = if reaches { highest.max(limit.unwrap_or(0)) } else { highest };
        let axes = Axes::new(samples.iter().map(|sample| sample.uptime_us), shown)?;
        Some(Chart { samples, axes, limit, reaches })
    }

    fn line(&self, of: fn(&Sample) -> Option<u64>) -> String {
        let mut path = String::new();
        for sample in self.samples {
            if let Some(bytes) = of(sample) {
                let command = if path.is_empty() { 'M' } else { 'L' };
                let (x, y) = (self.axes.x(sample.uptime_us) * 1000.0, self.axes.y(bytes) * 1000.0);
                let _ = write!(path, "{command}{x:.1} {y:.1}");
            }
        }
        path
    }

    fn figure(&self) -> impl RenderOnce + '_ {
        let marks = self.marks();
        let what = self.what();
        let rss = self.line(|sample| sample.rss);
        let heap = self.line(|sample| sample.allocated);
        let has_rss = !rss.is_empty();
        let has_heap = !heap.is_empty();
        let limit = self.limit;
        let drawn = limit.filter(|_| self.reaches);
        let heights = self.axes.heights();
        let tags = self.tags(&marks);
        let numbers: Vec<_> = marks
            .iter()
            .zip(tags)
            .zip(1..)
            .map(|((mark, tag), number)| {
                let (x, y) = (self.axes.x(mark.sample.uptime_us), self.axes.y(mark.bytes));
                let place = format!("left:{};top:{}", share(x, 1.0), share(y, 1.0));
                let side = if x < 0.5 { "tag" } else { "tag left" };
                (number, place, side, tag)
            })
            .collect();
        let lines: Vec<_> = marks.iter().map(Mark::sentence).collect();
        owned_html! {
            figure {
                figcaption(id="chart-text") : what;
                ul(class="key", aria-hidden="true") {
                    @ if has_rss { li { : key("rss"); : " RSS"; } }
                    @ if has_heap { li { : key("heap"); : " allocated from jemalloc"; } }
                    @ if drawn.is_some() { li { : key("limit"); : " limit"; } }
                }
                div(class="chart", aria-hidden="true") {
                    svg(viewBox="0 0 1000 1000", preserveAspectRatio="none") {
                        @ for bytes in heights.iter() {
                            path(class="grid", d=self.axes.across(*bytes)) {}
                        }
                        @ if let Some(limit) = drawn {
                            path(class="limit", d=self.axes.across(limit)) {}
                        }
                        path(class="heap", d=&heap) {}
                        path(class="rss", d=&rss) {}
                    }
                    : self.axes.names();
                    @ if let Some(limit) = drawn {
                        span(class="limit-name", style=format!("top:{}", share(self.axes.y(limit), 1.0)))
                            : format!("limit {}", HumanBytes(limit));
                    }
                    @ for (number, place, side, tag) in numbers.iter() {
                        @ if let Some(tag) = tag {
                            span(class=*side, style=place) : tag;
                        }
                        span(class="mark", style=place) : *number;
                    }
                }
                @ if !lines.is_empty() {
                    p(class="soft", id="marks") : "Where it rose most, and in which segment:";
                }
                ol(class="marks", aria-labelledby="marks") {
                    @ for line in lines.iter() {
                        li : line;
                    }
                }
            }
        }
    }

    /// Describes the chart in words.
    fn what(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, of: fn(&Sample) -> Option<u64>| {
            let mut all = self.samples.iter().filter_map(of);
            let highest = all.clone().max();
            let first = all.next();
            let last = all.next_back().or(first);
            if let (Some(first), Some(last), Some(highest)) = (first, last, highest) {
                let (first, last, highest) =
                    (HumanBytes(first), HumanBytes(last), HumanBytes(highest));
                let _ = write!(text, "{name}: from {first} to {last}, highest sample {highest}. ");
            }
        };
        line("RSS", |sample| sample.rss);
        line("Allocated", |sample| sample.allocated);
        let _ = match self.limit {
            None => write!(text, "There is no limit."),
            Some(limit) if self.reaches => write!(text, "The limit is {}.", HumanBytes(limit)),
            Some(limit) => {
                let times = limit as f64 / self.axes.top;
                write!(
                    text,
                    "The limit, {}, is {times:.0} × as high as the chart.",
                    HumanBytes(limit)
                )
            }
        };
        text
    }

    /// Returns the highest sample and the steepest rise of each segment, if they are not too near
    /// to each other, in order of time.
    fn marks(&self) -> Vec<Mark<'a>> {
        let mut marks: Vec<Mark<'a>> = Vec::new();
        for mark in self.rises() {
            let x = self.axes.x(mark.sample.uptime_us);
            let is_free =
                marks.iter().all(|other| (self.axes.x(other.sample.uptime_us) - x).abs() >= APART);
            let is_new = mark.cause().is_none_or(|pass| {
                let ends = |pass: &Pass| (pass.function, pass.from, pass.label);
                marks.iter().all(|other| other.cause().map(ends) != Some(ends(pass)))
            });
            let is_steep = mark.is_rise() && mark.step as f64 >= self.axes.top * STEEP;
            if marks.len() < MARKS && is_free && (mark.is_highest || is_steep && is_new) {
                marks.push(mark);
            }
        }
        marks.sort_by_key(|mark| mark.sample.uptime_us);
        marks
    }

    /// Returns the text beside each mark, on its side towards the middle, if there is room for it.
    fn tags(&self, marks: &[Mark<'_>]) -> Vec<Option<String>> {
        let mut taken: Vec<(f64, f64)> = Vec::new();
        let places = marks.iter().map(|mark| self.axes.x(mark.sample.uptime_us));
        taken.extend(places.map(|x| (x - MARK, x + MARK)));
        marks
            .iter()
            .map(|mark| {
                let tag = mark.tag();
                let x = self.axes.x(mark.sample.uptime_us);
                let width = tag.chars().count() as f64 * CHAR;
                let (from, to) = if x < 0.5 {
                    (x + MARK, x + MARK + width)
                } else {
                    (x - MARK - width, x - MARK)
                };
                let is_free = taken.iter().all(|&(left, right)| to <= left || right <= from);
                taken.extend(is_free.then_some((from, to)));
                is_free.then_some(tag)
            })
            .collect()
    }

    /// Returns the highest sample, then the others, the steepest rise first.
    fn rises(&self) -> Vec<Mark<'a>> {
        let has_rss = self.samples.iter().any(|sample| sample.rss.is_some());
        let name = if has_rss { "RSS" } else { "allocated" };
        let mut before = None;
        let mut all = Vec::new();
        for sample in self.samples {
            let bytes = if has_rss { sample.rss } else { sample.allocated };
            let Some(bytes) = bytes else { continue };
            let step = bytes.wrapping_sub(before.replace(bytes).unwrap_or(bytes)) as i64;
            all.push(Mark { sample, name, bytes, step, is_highest: false });
        }
        // `max_by_key` takes the last of equal ones; reversed, that is the first.
        if let Some(highest) = all.iter_mut().rev().max_by_key(|mark| mark.bytes) {
            highest.is_highest = true;
        }
        all.sort_by_key(|mark| Reverse((mark.is_highest, mark.step)));
        all
    }
}

impl Mark<'_> {
    fn is_rise(&self) -> bool {
        self.step > 0
    }

    /// Returns the segment that explains the rise: its peak is at least half of the rise.
    fn cause(&self) -> Option<&Pass> {
        let pass = self.sample.largest.as_ref();
        pass.filter(|pass| self.is_rise() && pass.peak >= self.step.unsigned_abs() / 2)
    }

    /// Returns the text beside the mark on the chart.
    fn tag(&self) -> String {
        match self.cause() {
            Some(pass) => format!("{}: {} → {}", short(pass.function), pass.from, pass.label),
            None if self.is_highest => "highest".to_owned(),
            None => SignedBytes(self.step).to_string(),
        }
    }

    fn sentence(&self) -> String {
        let Mark { name, step, bytes, .. } = *self;
        let at = HumanDuration(Duration::from_micros(self.sample.uptime_us));
        let mut text = format!("after {at}: {name} ");
        // Writing to a string cannot fail.
        let _ = if self.is_rise() {
            write!(text, "rose by {} to {}", HumanBytes(step.unsigned_abs()), HumanBytes(bytes))
        } else {
            write!(text, "was {}", HumanBytes(bytes))
        };
        if self.is_highest {
            text.push_str(", its highest");
        }
        if let Some(pass) = self.cause() {
            let (function, peak, net) =
                (short(pass.function), HumanBytes(pass.peak), Net(pass.net));
            let Pass { from, label, .. } = pass;
            let _ =
                write!(text, ", while {function} went {from} → {label}: peak {peak}, net {net}");
        } else if self.is_rise() {
            text.push_str("; no segment that ended then explains it");
        }
        text
    }
}

fn key(class: &'static str) -> impl RenderOnce {
    owned_html! {
        svg(viewBox="0 0 32 12") { path(class=class, d="M0 6H32") {} }
    }
}

#[cfg(all(test, feature = "enabled"))]
mod tests {
    use super::*;
    use crate::report::sample_reports::{MIB, hot_spots};

    /// Returns the sentences about samples of RSS, each with the largest segment that ended before.
    fn sentences(samples: &[(u64, Option<Pass>)]) -> Vec<String> {
        let mut report = hot_spots();
        let template = report.timeline[0];
        report.timeline = samples
            .iter()
            .zip(0..)
            .map(|(&(rss, largest), at)| Sample {
                uptime_us: at * 1_000_000,
                rss: Some(rss * MIB),
                largest,
                ..template
            })
            .collect();
        let chart = Chart::new(&report).expect("a chart");
        chart.marks().iter().map(Mark::sentence).collect()
    }

    fn pass(peak: u64, net: i64) -> Pass {
        let net = net * MIB as i64;
        Pass { function: "app::decode", from: "read", label: "decoded", net, peak: peak * MIB }
    }

    #[test]
    fn a_rise_is_of_the_segment_that_explains_it_and_not_of_who_came_next() {
        let samples = [
            (10, None),
            (50, Some(pass(42, 38))),
            (50, Some(pass(42, 38))),
            (90, None),
            (95, None),
        ];
        assert_eq!(
            sentences(&samples),
            [
                "after 1000 ms: RSS rose by 40.0 MiB to 50.0 MiB, while decode went read → \
                 decoded: peak 42.0 MiB, net 38.0 MiB",
                "after 3000 ms: RSS rose by 40.0 MiB to 90.0 MiB; no segment that ended then \
                 explains it",
                "after 4000 ms: RSS rose by 5.0 MiB to 95.0 MiB, its highest; no segment that \
                 ended then explains it",
            ]
        );
    }

    #[test]
    fn a_segment_that_is_too_small_is_not_blamed() {
        let told = sentences(&[(10, None), (90, Some(pass(3, 3))), (20, None)]);
        assert_eq!(
            told,
            ["after 1000 ms: RSS rose by 80.0 MiB to 90.0 MiB, its highest; no segment that \
              ended then explains it"]
        );
    }

    #[test]
    fn of_a_segment_the_steepest_rise_is_marked() {
        let samples = [
            (10, None),
            (20, Some(pass(42, 38))),
            (60, Some(pass(42, 38))),
            (10, None),
            (30, Some(pass(42, 38))),
        ];
        let told = sentences(&samples);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].starts_with(
                "after 2000 ms: RSS rose by 40.0 MiB to 60.0 MiB, its highest, while decode"
            ),
            "{told:?}"
        );
    }
}
