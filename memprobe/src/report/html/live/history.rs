//! What finished calls owned over time, the owners on top of each other.

use std::fmt::Write as _;

use horrorshow::owned_html;
use horrorshow::prelude::*;

use crate::format::units::HumanBytes;
use crate::report::{Live, Owner};

use super::super::axes::Axes;
use super::{COLORS, color, pictured, rise, swatch};

/// What one or more owners owned over time, on top of those before.
struct Layer {
    class: &'static str,
    name: String,
    /// The bytes below it and those up to its top, at each time.
    below: Vec<u64>,
    above: Vec<u64>,
}

pub(super) fn history(live: &Live, growing: Option<&Owner>) -> impl RenderOnce + use<> {
    let times = times(live);
    let layers = layers(live, times.len());
    let highest = layers.last().and_then(|layer| layer.above.iter().max().copied()).unwrap_or(0);
    let axes = Axes::new(times.iter().copied(), highest).filter(|_| highest > 0);
    let what = what(&layers, growing);
    owned_html! {
        h3(id="finished") : "What calls left behind, over time";
        @ if let Some(axes) = axes {
            figure(aria-labelledby="finished") {
                figcaption(class="soft") : what;
                ul(class="key", aria-hidden="true") {
                    // The uppermost layer first, as in the picture.
                    @ for layer in layers.iter().rev() {
                        li { : swatch(layer.class); : " "; : &layer.name; }
                    }
                }
                div(class="chart stacked", aria-hidden="true") {
                    svg(viewBox="0 0 1000 1000", preserveAspectRatio="none") {
                        @ for layer in layers.iter() {
                            path(class=layer.class, d=layer.path(&times, &axes)) {
                                title : &layer.name;
                            }
                        }
                        @ for bytes in axes.heights() {
                            path(class="grid", d=axes.across(bytes)) {}
                        }
                    }
                    : axes.names();
                }
            }
        } else {
            p(class="soft") : "No memory of calls that ended was seen yet.";
        }
    }
}

/// Returns the ages of the process at which the owners were looked at.
fn times(live: &Live) -> Vec<u64> {
    let longest = live.owners.iter().max_by_key(|owner| owner.history.len());
    longest.map_or(Vec::new(), |owner| owner.history.iter().map(|point| point.uptime_us).collect())
}

fn layers(live: &Live, count: usize) -> Vec<Layer> {
    let (owners, others) = pictured(&live.owners, COLORS);
    let mut below = vec![0; count];
    let mut layer = |class, name, owners: &[Owner]| {
        let mut above = below.clone();
        for owner in owners {
            // The points of all owners are at the same times; where there are fewer, the first are
            // missing.
            let missing = count - owner.history.len();
            for (above, point) in above[missing..].iter_mut().zip(&owner.history) {
                *above += point.bytes;
            }
        }
        Layer { class, name, below: std::mem::replace(&mut below, above.clone()), above }
    };
    let mut layers: Vec<Layer> = owners
        .iter()
        .enumerate()
        .map(|(at, owner)| layer(color(at), owner.name(), std::slice::from_ref(owner)))
        .collect();
    layers.push(layer("others", format!("{} more", others.len()), others));
    layers.retain(|layer| layer.below != layer.above);
    layers
}

impl Layer {
    /// Returns the outline: to the right along the top, and back along what is below.
    fn path(&self, times: &[u64], axes: &Axes) -> String {
        let mut path = String::new();
        let above = times.iter().zip(&self.above);
        let below = times.iter().zip(&self.below).rev();
        for (&time, &bytes) in above.chain(below) {
            let command = if path.is_empty() { 'M' } else { 'L' };
            let (x, y) = (axes.x(time) * 1000.0, axes.y(bytes) * 1000.0);
            let _ = write!(path, "{command}{x:.1} {y:.1}");
        }
        path.push('Z');
        path
    }
}

/// Describes the chart in words.
fn what(layers: &[Layer], growing: Option<&Owner>) -> String {
    let Some(all) = layers.last() else { return String::new() };
    let ends = all.above.first().zip(all.above.last());
    let mut text = ends.map_or(String::new(), |(first, last)| {
        format!(
            "Live memory of calls that have ended and of code outside any call: from {} to {}.",
            HumanBytes(*first),
            HumanBytes(*last)
        )
    });
    if let Some((owner, rise)) = growing.and_then(|owner| Some((owner, rise(owner)?))) {
        // Writing to a string cannot fail.
        let _ = write!(text, " {} grows: {rise}.", owner.name());
    }
    text
}
