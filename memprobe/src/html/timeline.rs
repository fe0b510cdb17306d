//! RSS and `allocated` over time, against the limit.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::time::Duration;

use horrorshow::owned_html;
use horrorshow::prelude::*;

use crate::name::short;
use crate::report::{Report, Sample};
use crate::units::{Scaled, Signed, Took};

use super::share;

/// Samples with a number and a label.
const MARKS: usize = 6;
/// How near marks may stand, as a part of the width.
const APART: f64 = 0.09;
/// The limit is on the chart where the highest figure is this part of it at least.
const SHOWN: u64 = 5;

struct Chart<'a> {
    samples: &'a [Sample],
    start: u64,
    span: f64,
    top: f64,
    limit: Option<u64>,
    /// Whether the limit is on the chart.
    reaches: bool,
}

/// A sample that stands out.
struct Mark<'a> {
    sample: &'a Sample,
    /// Its height, and how far it lies above the sample before.
    bytes: u64,
    step: i64,
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
        let (first, last) = (samples.first()?, samples.last()?);
        let span = last.uptime_us.checked_sub(first.uptime_us).filter(|&span| span > 0)?;
        let limit = report.process.limit.as_ref().map(|limit| limit.bytes);
        let reaches = limit.is_some_and(|limit| highest >= limit / SHOWN);
        let shown = if reaches { highest.max(limit.unwrap_or(0)) } else { highest };
        let top = shown as f64 * 1.1;
        Some(Chart { samples, start: first.uptime_us, span: span as f64, top, limit, reaches })
    }

    fn x(&self, uptime_us: u64) -> f64 {
        uptime_us.saturating_sub(self.start) as f64 / self.span
    }

    fn y(&self, bytes: u64) -> f64 {
        1.0 - bytes as f64 / self.top
    }

    fn line(&self, of: fn(&Sample) -> Option<u64>) -> String {
        let mut path = String::new();
        for sample in self.samples {
            if let Some(bytes) = of(sample) {
                let command = if path.is_empty() { 'M' } else { 'L' };
                let (x, y) = (self.x(sample.uptime_us) * 1000.0, self.y(bytes) * 1000.0);
                let _ = write!(path, "{command}{x:.1} {y:.1}");
            }
        }
        path
    }

    fn across(&self, bytes: u64) -> String {
        format!("M0 {0:.1}H1000", self.y(bytes) * 1000.0)
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
        let heights = self.heights();
        let times = self.times();
        let numbers: Vec<_> = marks
            .iter()
            .zip(1..)
            .map(|(mark, number)| {
                let (x, y) = (self.x(mark.sample.uptime_us), self.y(mark.bytes));
                let place = format!("left:{};top:{}", share(x, 1.0), share(y, 1.0));
                let side = if x < 0.5 { "tag" } else { "tag left" };
                (number, place, side, mark.sample.label)
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
                            path(class="grid", d=self.across(*bytes)) {}
                        }
                        @ if let Some(limit) = drawn {
                            path(class="limit", d=self.across(limit)) {}
                        }
                        path(class="heap", d=&heap) {}
                        path(class="rss", d=&rss) {}
                    }
                    @ for bytes in heights.iter() {
                        span(class="y", style=format!("top:{}", share(self.y(*bytes), 1.0)))
                            : Scaled(*bytes).to_string();
                    }
                    @ if let Some(limit) = drawn {
                        span(class="limit-name", style=format!("top:{}", share(self.y(limit), 1.0)))
                            : format!("limit {}", Scaled(limit));
                    }
                    @ for (number, place, side, label) in numbers.iter() {
                        span(class=*side, style=place) : *label;
                        span(class="mark", style=place) : *number;
                    }
                    @ for (time, place) in times.iter() {
                        span(class="x", style=format!("left:{place}")) : time;
                    }
                }
                ol(class="marks", aria-label="Where it rose most") {
                    @ for line in lines.iter() {
                        li : line;
                    }
                }
            }
        }
    }

    /// The picture in words.
    fn what(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, of: fn(&Sample) -> Option<u64>| {
            let mut all = self.samples.iter().filter_map(of);
            let highest = all.clone().max();
            let first = all.next();
            let last = all.next_back().or(first);
            if let (Some(first), Some(last), Some(highest)) = (first, last, highest) {
                let (first, last, highest) = (Scaled(first), Scaled(last), Scaled(highest));
                let _ = write!(
                    text,
                    "{name} went from {first} to {last}, at the highest point {highest}. "
                );
            }
        };
        line("RSS", |sample| sample.rss);
        line("Allocated", |sample| sample.allocated);
        let _ = match self.limit {
            None => write!(text, "There is no limit."),
            Some(limit) if self.reaches => write!(text, "The limit is {}.", Scaled(limit)),
            Some(limit) => {
                let times = limit as f64 / self.top;
                write!(text, "The limit, {}, is {times:.0} × as high as the chart.", Scaled(limit))
            }
        };
        text
    }

    /// Round heights for the grid.
    fn heights(&self) -> Vec<u64> {
        let step = ((self.top / 5.0) as u64).max(1).next_power_of_two();
        (0..=(self.top / step as f64) as u64).map(|at| at * step).collect()
    }

    /// Round times, and where they stand.
    fn times(&self) -> Vec<(String, String)> {
        let wanted = self.span / 5.0;
        let power = 10_f64.powf(wanted.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|part| part * power);
        let step = step.into_iter().find(|&step| step >= wanted).unwrap_or(wanted).max(1.0) as u64;
        let last = (self.start + self.span as u64) / step;
        let text = |at: u64| match step {
            0..100_000 => Took(Duration::from_micros(at)).to_string(),
            100_000..1_000_000 => format!("{:.1} s", at as f64 / 1e6),
            _ => format!("{} s", at / 1_000_000),
        };
        let times = (self.start.div_ceil(step)..=last).map(|at| at * step);
        times.map(|at| (text(at), share(self.x(at), 1.0))).collect()
    }

    /// The highest sample, and of each label the steepest rise, if they are not too near to
    /// each other; in their order.
    fn marks(&self) -> Vec<Mark<'a>> {
        let mut before = None;
        let mut all = Vec::new();
        for sample in self.samples {
            let Some(bytes) = sample.rss.or(sample.allocated) else { continue };
            let step = bytes.wrapping_sub(before.replace(bytes).unwrap_or(bytes)) as i64;
            all.push(Mark { sample, bytes, step });
        }
        let highest = all.iter().map(|mark| mark.bytes).max();
        all.sort_by_key(|mark| std::cmp::Reverse((Some(mark.bytes) == highest, mark.step)));
        let mut labels = HashSet::new();
        let mut marks: Vec<Mark<'a>> = Vec::new();
        for mark in all {
            let x = self.x(mark.sample.uptime_us);
            let is_free =
                marks.iter().all(|other| (self.x(other.sample.uptime_us) - x).abs() >= APART);
            let is_telling = mark.step > 0 || marks.is_empty();
            if marks.len() < MARKS
                && is_free
                && is_telling
                && labels.insert((mark.sample.function, mark.sample.label))
            {
                marks.push(mark);
            }
        }
        marks.sort_by_key(|mark| mark.sample.uptime_us);
        marks
    }
}

impl Mark<'_> {
    fn sentence(&self) -> String {
        let Sample { uptime_us, function, label, rss, .. } = self.sample;
        let name = if rss.is_some() { "RSS" } else { "allocated" };
        let (at, step) = (Took(Duration::from_micros(*uptime_us)), Signed(self.step));
        let (function, bytes) = (short(function), Scaled(self.bytes));
        format!("{function}, at \"{label}\" after {at}: {name} {bytes} ({step})")
    }
}

fn key(class: &'static str) -> impl RenderOnce {
    owned_html! {
        svg(viewBox="0 0 32 12") { path(class=class, d="M0 6H32") {} }
    }
}
