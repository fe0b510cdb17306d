//! The table of owners, with the stacks that allocated what they own.

use horrorshow::prelude::*;
use horrorshow::{box_html, owned_html};

use crate::format::units::{HumanBytes, HumanCount, HumanDuration};
use crate::report::{Age, Estimate, Frame, Live, Owner, OwnerKind, Stack};

use super::{color, pictured, rise, swatch};

/// Most owners with a row, and most stacks of each: looking up their functions takes time.
const ROWS: usize = 24;
const STACKS: usize = 3;

/// Columns beside the name.
const COLUMNS: [&str; 7] = [
    "Owns now",
    "Share",
    "Calls ended",
    "Calls running",
    "Half is older than",
    "Oldest",
    "Rose by",
];

pub(super) fn owners<'a>(live: &'a Live, growing: Option<&'a Owner>) -> impl RenderOnce + use<'a> {
    let (owners, others) = pictured(live.present(), ROWS);
    let rest = others.iter().fold(Estimate::default(), |sum, owner| sum.plus(owner.live));
    let width = (COLUMNS.len() + 1).to_string();
    owned_html! {
        h3(id="owners-title") : "Owners";
        p(class="soft") {
            : "By calling context and the label passed last. Rough is what is \
               less than twice its error: it says only that there is something. Below an owner are the stacks \
               that allocated what it owns, from a part of the samples.";
        }
        p(class="soft wide", hidden="") : "More columns: scroll sideways →";
        div(class="scroll", role="region", aria-labelledby="owners-title", tabindex="0") {
            table(id="owners", aria-labelledby="owners-title") {
                thead {
                    tr {
                        th(scope="col") : "Owner";
                        @ for column in COLUMNS {
                            th(scope="col") : column;
                        }
                    }
                }
                tbody {
                    @ for (at, owner) in owners.iter().enumerate() {
                        tr(id=format!("o{at}")) {
                            th(scope="row") {
                                : swatch(color(at));
                                : " ";
                                : owner.name();
                                @ if growing.is_some_and(|growing| std::ptr::eq(growing, owner)) {
                                    : " ";
                                    span(class="tag-g") : "grows";
                                }
                            }
                            @ for cell in cells(owner, live.total) {
                                : cell;
                            }
                        }
                        @ if !owner.stacks.is_empty() {
                            tr(class="where") {
                                td(colspan=&width) : stacks(owner);
                            }
                        }
                    }
                    @ if !others.is_empty() {
                        tr(id="others") {
                            th(scope="row") {
                                : swatch("others");
                                : format!(" {} more", others.len());
                            }
                            : estimate(rest);
                            td : rest.share_of(live.total);
                            td(colspan=(COLUMNS.len() - 2).to_string()) {}
                        }
                    }
                }
            }
        }
    }
}

fn cells(owner: &Owner, total: Estimate) -> Vec<Box<dyn RenderBox>> {
    let part = |part: Estimate| {
        let is_known = owner.kind == OwnerKind::Call && part.samples > 0;
        is_known.then(|| HumanBytes(part.bytes).to_string())
    };
    let texts = [
        owner.live.share_of(total),
        part(owner.finished),
        part(owner.running),
        owner.median.map(age),
        owner.oldest.map(age),
        rise(owner),
    ];
    let mut cells = vec![estimate(owner.live)];
    cells.extend(texts.into_iter().map(|text| -> Box<dyn RenderBox> {
        box_html! { td : text; }
    }));
    cells
}

fn estimate(live: Estimate) -> Box<dyn RenderBox> {
    box_html! {
        td(data-value=live.bytes.to_string()) {
            : HumanBytes(live.bytes).to_string();
            span(class="soft") : format!(" ± {}", HumanBytes(live.error));
            @ if live.is_rough() {
                : " ";
                span(class="tag-c") : "rough";
            }
        }
    }
}

fn age(age: Age) -> String {
    let time = HumanDuration(age.time);
    match age.calls {
        Some(1) => format!("{time}, 1 call ago"),
        Some(calls) => format!("{time}, {} calls ago", HumanCount(calls)),
        None => time.to_string(),
    }
}

fn stacks(owner: &Owner) -> impl RenderOnce + '_ {
    let stacks: Vec<_> = owner.stacks.iter().take(STACKS).map(Found::of).collect();
    let hottest = stacks.first().and_then(|found| found.frames.get(found.culprit?));
    let hottest = hottest.map(ToString::to_string);
    owned_html! {
        details {
            summary {
                : "allocated by ";
                code : hottest;
            }
            @ for found in stacks.iter() {
                p : format!("{}, allocated by", found.live);
                ol(class="stack") {
                    @ for (at, frame) in found.frames.iter().enumerate() {
                        li(class=found.class(at, frame)) {
                            code : frame.to_string();
                        }
                    }
                }
            }
        }
    }
}

/// A stack with its functions, and the place of the one that is to blame.
struct Found {
    live: Estimate,
    frames: Vec<Frame>,
    culprit: Option<usize>,
}

impl Found {
    fn of(stack: &Stack) -> Found {
        let frames = stack.frames();
        Found { live: stack.live, culprit: Frame::culprit(&frames), frames }
    }

    /// The functions of the standard library stand back.
    fn class(&self, at: usize, frame: &Frame) -> &'static str {
        match frame.is_users() {
            _ if self.culprit == Some(at) => "culprit",
            true => "users",
            false => "library",
        }
    }
}
