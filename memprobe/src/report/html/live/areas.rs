//! The owners as areas of one rectangle. The part of calls that still run is hatched.

use std::cmp::Reverse;

use horrorshow::owned_html;
use horrorshow::prelude::*;

use crate::format::units::HumanBytes;
use crate::report::{Estimate, Live, Owner};

use super::super::share;
use super::treemap::{self, Area};
use super::{color, pictured, swatch, title};

/// Most owners with an area of their own.
const MOST: usize = 14;
/// An owner has an area of its own if it owns more than the total divided by this: less has no room
/// for a word.
const SMALL: u64 = 200;
/// The width of the rectangle divided by its height, about which its parts are square. They are
/// wider on the page, as is good for text.
const RATIO: f64 = 2.2;

/// An owner, or all others together.
struct Piece {
    class: &'static str,
    /// Id of its row in the table; of the first of them, for the others together.
    row: String,
    title: String,
    name: String,
    bytes: String,
    size: u64,
    /// The part of calls that still run, as a CSS percentage.
    running: String,
}

pub(super) fn areas(live: &Live) -> impl RenderOnce + use<> {
    let pieces = pieces(live);
    let sizes: Vec<f64> = pieces.iter().map(|piece| piece.size as f64).collect();
    let places = treemap::squarified(&sizes, RATIO).into_iter().map(css);
    let some_run = live.owners.iter().any(|owner| owner.running.samples > 0);
    owned_html! {
        ul(class="key", aria-hidden="true") {
            li { : swatch("plain"); : " of calls that have ended, and of other code"; }
            @ if some_run {
                li { : swatch("plain running"); : " of calls that still run"; }
            }
        }
        ul(class="areas") {
            @ for (piece, place) in pieces.into_iter().zip(places) {
                li(class=piece.class, style=place) {
                    a(href=format!("#{}", piece.row), title=piece.title) {
                        span(class="running", style=format!("width:{}", piece.running)) {}
                        span(class="name") : piece.name;
                        : " ";
                        span(class="bytes") : piece.bytes;
                    }
                }
            }
        }
    }
}

fn pieces(live: &Live) -> Vec<Piece> {
    let least = live.total.bytes / SMALL;
    let large = live.present().iter().take_while(|owner| owner.live.bytes > least).count();
    let (owners, others) = pictured(live.present(), large.clamp(1, MOST));
    let mut pieces: Vec<Piece> = owners
        .iter()
        .enumerate()
        .map(|(at, owner)| Piece {
            class: color(at),
            row: format!("o{at}"),
            title: title(owner, live.total),
            name: owner.name(),
            bytes: bytes(owner.live),
            size: owner.live.bytes,
            running: running(std::slice::from_ref(owner), owner.live),
        })
        .collect();
    if !others.is_empty() {
        let rest = others.iter().fold(Estimate::default(), |sum, owner| sum.plus(owner.live));
        let name = format!("{} more", others.len());
        pieces.push(Piece {
            class: "others",
            row: format!("o{}", owners.len()),
            title: format!("{name}: {rest} together"),
            name,
            bytes: bytes(rest),
            size: rest.bytes,
            running: running(others, rest),
        });
    }
    pieces.sort_by_key(|piece| Reverse(piece.size));
    pieces
}

fn bytes(live: Estimate) -> String {
    let rough = if live.is_rough() { ", rough" } else { "" };
    // A line may break only before the error.
    let [bytes, error] = [live.bytes, live.error].map(|bytes| HumanBytes(bytes).to_string());
    format!("{} ±\u{a0}{}{rough}", bytes.replace(' ', "\u{a0}"), error.replace(' ', "\u{a0}"))
}

fn running(owners: &[Owner], live: Estimate) -> String {
    let running: u64 = owners.iter().map(|owner| owner.running.bytes).sum();
    share(running as f64, live.bytes as f64)
}

/// Returns where an area is, as CSS variables: a narrow page turns the whole by 90°.
fn css(area: Area) -> String {
    let Area { x, y, width, height } = area;
    let [x, y, width, height] = [x, y, width, height].map(|part| share(part, 1.0));
    format!("--x:{x};--y:{y};--w:{width};--h:{height}")
}
