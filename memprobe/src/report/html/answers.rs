//! The answers at the top of the page: the verdicts, and how near the limit is.

use horrorshow::prelude::*;
use horrorshow::{box_html, owned_html};

use crate::format::name::short;
use crate::format::units::{HumanBytes, HumanDuration, SignedBytes};
use crate::report::Report;
use crate::report::verdicts::{Path, Verdict, Verdicts};
use crate::values::process::{LimitSource, Process};

use super::{row_of, share};

/// Percentage of the limit from which on the answer is a warning.
const NEAR: u128 = 80;

/// How a process ended, which the report itself does not know: a card before the answers.
#[cfg(feature = "__builder")]
#[derive(Clone, Debug)]
pub struct End {
    /// The question that it answers.
    pub what: &'static str,
    /// The answer in large letters.
    pub big: String,
    /// Who is to blame, or the process.
    pub who: String,
    /// Further lines.
    pub more: Vec<String>,
    /// Whether it is marked.
    pub is_bad: bool,
}

/// One question with its answer.
pub(super) struct Answer {
    question: &'static str,
    big: String,
    who: String,
    /// Id of the row of the function that the answer is about.
    row: Option<String>,
    more: Vec<Line>,
    is_bad: bool,
    gauge: Option<Gauge>,
}

/// A line of an answer, and the id of the row of the function that it is about.
struct Line {
    text: String,
    row: Option<String>,
}

/// The limit as a bar; positions on it are CSS percentages.
struct Gauge {
    now: String,
    highest: String,
    text: String,
}

impl Answer {
    fn new(question: &'static str, big: String, who: String) -> Answer {
        Answer { question, big, who, row: None, more: Vec::new(), is_bad: false, gauge: None }
    }

    fn add(&mut self, text: String) {
        self.more.push(Line { text, row: None });
    }

    fn without<T>(question: &'static str, verdict: &Verdict<T>, nothing: &str) -> Answer {
        match verdict {
            Verdict::Unknown(why) => {
                Answer::new(question, "Not known".to_owned(), (*why).to_owned())
            }
            Verdict::Undecided(_) => {
                let why = "The figures do not tell which of these; memprobe's feature `live` can.";
                Answer::new(question, "Not decided".to_owned(), why.to_owned())
            }
            Verdict::Found(_) | Verdict::Nothing => {
                Answer::new(question, "Nothing".to_owned(), nothing.to_owned())
            }
        }
    }
}

#[cfg(feature = "__builder")]
impl From<End> for Answer {
    fn from(end: End) -> Answer {
        let mut answer = Answer::new(end.what, end.big, end.who);
        end.more.into_iter().for_each(|line| answer.add(line));
        answer.is_bad = end.is_bad;
        answer
    }
}

/// Renders the answers, with those in `first` before the report's own.
pub(super) fn answers(
    first: Vec<Answer>,
    report: &Report,
    verdicts: &Verdicts,
) -> impl RenderOnce + use<> {
    let own = [
        pressure(report, verdicts),
        growing(report, verdicts),
        limit(&report.process),
        churn(report, verdicts),
    ];
    owned_html! {
        section(class="answers", aria-label="Answers") {
            @ for answer in first.into_iter().chain(own) {
                article(class=if answer.is_bad { "bad" } else { "" }) {
                    h2 : answer.question;
                    p(class="big") : answer.big;
                    p(class="who") : link(answer.row, answer.who);
                    @ if let Some(gauge) = answer.gauge {
                        div(class="gauge", role="img", aria-label=gauge.text) {
                            div(class="now", style=format!("width:{}", gauge.now)) {}
                            div(class="highest", style=format!("left:{}", gauge.highest)) {}
                        }
                    }
                    @ for line in answer.more {
                        p(class="soft") : link(line.row, line.text);
                    }
                }
            }
        }
    }
}

fn link(row: Option<String>, text: String) -> Box<dyn RenderBox> {
    match row {
        Some(row) => box_html! { a(href=format!("#{row}")) : text; },
        None => Box::new(text),
    }
}

/// Answers with the highest measured peak, and then with the product of peak and concurrency, which
/// was not measured.
fn pressure(report: &Report, verdicts: &Verdicts) -> Answer {
    let question = "Highest peak";
    let Some((highest, figures)) = report.highest_peak() else {
        // Peaks up to 64 KiB may be missed.
        return Answer::without(
            question,
            &verdicts.pressure,
            "No call that ended needed more than 64 KiB.",
        );
    };
    let who = format!("{}, in one call", short(highest.name));
    let mut answer = Answer::new(question, HumanBytes(figures.peak).to_string(), who);
    answer.row = row_of(report, highest.name);
    let found = verdicts.pressure.found();
    let inner = found.filter(|found| found.function == highest.name);
    let inner = inner.and_then(|found| found.path.last()).filter(|&&inner| inner != highest.name);
    match (inner, &highest.segments[..]) {
        (Some(inner), _) => answer.add(format!("most of it in {}", short(inner))),
        // The first segment is the one that reached the highest level.
        (None, [segment, _, ..]) => {
            answer.add(format!("reached in {} → {}", segment.from, segment.label));
        }
        (None, _) => {}
    }
    let Some((found, calls @ 2..)) = found.and_then(|found| Some((found, found.max_concurrent?)))
    else {
        return answer;
    };
    let (peak, bytes) = (HumanBytes(found.peak), HumanBytes(found.bytes));
    let least = if found.max_concurrent_exact { "" } else { "at least " };
    let function = short(found.function);
    let product = format!("{function}: {least}{calls} calls at once × {peak} = {bytes}");
    answer.more.push(Line { text: product, row: row_of(report, found.function) });
    let highest = report.process.peak_used().filter(|&highest| highest < found.bytes);
    answer.add(match highest {
        Some(highest) => format!(
            "if all of them peaked together, which may never have happened: the process had {} \
             at most",
            HumanBytes(highest)
        ),
        None => "if all of them peaked together, which may never have happened".to_owned(),
    });
    answer
}

fn growing(report: &Report, verdicts: &Verdicts) -> Answer {
    let question = "What grows";
    let Some(found) = verdicts.growing.found() else {
        let nothing = "What calls allocate is freed again.";
        let mut answer = Answer::without(question, &verdicts.growing, nothing);
        if let Verdict::Undecided(candidates) = &verdicts.growing {
            for candidate in candidates {
                let row = candidate.path.last().and_then(|function| row_of(report, function));
                answer.more.push(Line { text: candidate.to_string(), row });
            }
        }
        return answer;
    };
    let per_second = HumanBytes(found.growth_per_second.unwrap_or(0).max(0) as u64);
    let big = match found.steady.calls {
        0 => format!("{per_second} a second"),
        _ => format!("{} a call", SignedBytes(found.steady.per_call())),
    };
    let mut answer = Answer::new(question, big, found.name());
    answer.row = found.path.last().and_then(|function| row_of(report, function));
    answer.is_bad = true;
    let calls = found.steady.calls;
    if calls > 0 {
        answer.add(format!("on average over the last {calls} calls, when all is warm"));
    }
    answer.add(match (&found.owned, found.growth_per_second) {
        (Some(owned), _) => {
            format!("its finished calls own {}, {per_second} a second more", owned.rise.owned)
        }
        (None, Some(_)) => {
            format!("the process confirms it: allocated grows by {per_second} a second")
        }
        (None, None) => "no timeline confirms it".to_owned(),
    });
    if let Some(time) = found.time_to_limit {
        answer.add(format!("at this pace the limit is reached in {}", HumanDuration(time)));
    }
    answer
}

fn churn(report: &Report, verdicts: &Verdicts) -> Answer {
    let question = "What churns";
    let Some(found) = verdicts.churn.found() else {
        let nothing = "No function allocates far more than it needs.";
        return Answer::without(question, &verdicts.churn, nothing);
    };
    let big = format!("{} × its need", found.ratio());
    let mut answer = Answer::new(question, big, Path(&found.path).to_string());
    answer.row = found.path.last().and_then(|function| row_of(report, function));
    let (allocated, needed) = (HumanBytes(found.allocated), HumanBytes(found.needed));
    answer.add(format!("allocated {allocated} where its calls needed {needed}"));
    answer
}

fn limit(process: &Process) -> Answer {
    let question = "How near the limit";
    let Some(highest) = process.peak_used() else {
        return Answer::new(
            question,
            "Not known".to_owned(),
            "There is no RSS to be read here.".to_owned(),
        );
    };
    let Some(limit) = &process.limit else {
        let who = format!("highest RSS {}", HumanBytes(highest));
        let mut answer = Answer::new(question, "No limit".to_owned(), who);
        answer.add("neither AWS Lambda nor a memory cgroup sets one".to_owned());
        return answer;
    };
    let percent = process.percent_of_limit(highest);
    let is_usage = process.is_limited_by_cgroup() && process.cgroup_usage.is_some();
    let what = if is_usage { "the cgroup at the highest" } else { "highest RSS" };
    let who = format!("{what} {} of {}", HumanBytes(highest), HumanBytes(limit.bytes));
    let big = percent.map_or("Not known".to_owned(), |percent| format!("{percent}%"));
    let mut answer = Answer::new(question, big, who);
    answer.is_bad = percent.is_some_and(|percent| percent >= NEAR);
    let place = |bytes: u64| share(bytes.min(limit.bytes) as f64, limit.bytes as f64);
    let used = process.used().unwrap_or(0);
    answer.gauge = Some(Gauge {
        now: place(used),
        highest: place(highest),
        text: format!(
            "now {} of {}, at the highest {}",
            HumanBytes(used),
            HumanBytes(limit.bytes),
            HumanBytes(highest)
        ),
    });
    answer.add(format!("now {}", HumanBytes(used)));
    if let Some(rss) = process.peak_rss.filter(|_| is_usage) {
        let rss = HumanBytes(rss);
        answer.add(format!("highest RSS {rss}, with files, which the cgroup has as cache"));
    }
    answer.add(match &limit.source {
        LimitSource::Lambda => "the memory size of the Lambda function".to_owned(),
        source => format!("the limit of {source}"),
    });
    answer
}
