//! The axes of a chart over time: where a time and a number of bytes are on it, and what stands at
//! its sides.

use std::time::Duration;

use horrorshow::owned_html;
use horrorshow::prelude::*;

use crate::format::units::{HumanBytes, HumanDuration};

use super::share;

pub(super) struct Axes {
    /// Age of the process at the left side, in µs.
    start: u64,
    /// Time from the left to the right side, in µs.
    span: f64,
    /// Bytes at the upper side.
    pub top: f64,
}

impl Axes {
    /// Creates the axes for these times, which are in order, and up to `highest` bytes. Returns
    /// `None` if no time passes.
    pub fn new(mut times: impl Iterator<Item = u64>, highest: u64) -> Option<Axes> {
        let start = times.next()?;
        let span = times.last()?.checked_sub(start).filter(|&span| span > 0)?;
        Some(Axes { start, span: span as f64, top: highest as f64 * 1.1 })
    }

    /// Returns where a time is, from 0 at the left to 1.
    pub fn x(&self, uptime_us: u64) -> f64 {
        uptime_us.saturating_sub(self.start) as f64 / self.span
    }

    /// Returns where a number of bytes is, from 0 at the top to 1.
    pub fn y(&self, bytes: u64) -> f64 {
        1.0 - bytes as f64 / self.top
    }

    /// Returns a line across the chart.
    pub fn across(&self, bytes: u64) -> String {
        format!("M0 {:.1}H1000", self.y(bytes) * 1000.0)
    }

    /// Returns round values for the lines of the grid.
    pub fn heights(&self) -> Vec<u64> {
        let step = ((self.top / 5.0) as u64).max(1).next_power_of_two();
        (0..=(self.top / step as f64) as u64).map(|at| at.saturating_mul(step)).collect()
    }

    /// Renders the values beside the lines of the grid, and the times below the chart.
    pub fn names(&self) -> impl RenderOnce + '_ {
        owned_html! {
            @ for bytes in self.heights() {
                span(class="y", style=format!("top:{}", share(self.y(bytes), 1.0)))
                    : HumanBytes(bytes).to_string();
            }
            @ for (time, place) in self.times() {
                span(class="x", style=format!("left:{place}")) : time;
            }
        }
    }

    /// Returns round times, and where they are on the chart.
    fn times(&self) -> Vec<(String, String)> {
        let wanted = self.span / 5.0;
        let power = 10_f64.powf(wanted.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|part| part * power);
        let step = step.into_iter().find(|&step| step >= wanted).unwrap_or(wanted).max(1.0) as u64;
        let last = self.start.saturating_add(self.span as u64) / step;
        let text = |at: u64| match step {
            0..100_000 => HumanDuration(Duration::from_micros(at)).to_string(),
            100_000..1_000_000 => format!("{:.1} s", at as f64 / 1e6),
            _ => format!("{} s", at / 1_000_000),
        };
        let times = (self.start.div_ceil(step)..=last).map(|at| at.saturating_mul(step));
        times.map(|at| (text(at), share(self.x(at), 1.0))).collect()
    }
}
