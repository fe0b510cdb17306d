//! The report as one HTML page that opens from disk and loads nothing.
//!
//! Charts are lists and tables that a screen reader can read; the script only sorts, finds and
//! zooms. Meaning never depends on colour alone.

mod answers;
mod axes;
mod icicle;
mod live;
mod packed;
mod table;
mod tables;
mod timeline;

use std::io::{self, Write};

use horrorshow::helper::doctype;
use horrorshow::prelude::*;
use horrorshow::{Raw, owned_html};

use crate::format::units::{HumanCount, HumanDuration};
use crate::report::html::answers::Answer;
#[cfg(feature = "__builder")]
pub use crate::report::html::answers::End;
use crate::report::verdicts::Verdicts;
use crate::report::{Figures, Function, Report};

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str =
    concat!("\"use strict\";\n", include_str!("html/tables.js"), include_str!("html/icicle.js"),);
/// Blocks all loading, even if a name contained markup.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

impl Report {
    /// Returns the report as one HTML page without external resources, with the feature `html`.
    ///
    /// The page has the verdicts, the distance to the limit, who owns the live memory, the timeline, the call tree as an
    /// icicle chart by allocated bytes, and tables of functions, segments and calling contexts.
    ///
    /// # Examples
    ///
    /// ```
    /// let page = memprobe::report().to_html();
    /// assert!(page.contains("memprobe report"));
    /// ```
    pub fn to_html(&self) -> String {
        self.page(Vec::new())
    }

    /// Returns the page of [`to_html`](Report::to_html) with how processes ended on top.
    #[cfg(feature = "__builder")]
    #[doc(hidden)]
    pub fn to_html_with(&self, ends: Vec<End>) -> String {
        self.page(ends.into_iter().map(Answer::from).collect())
    }

    /// Writes the page of [`to_html`](Report::to_html).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> std::io::Result<()> {
    /// memprobe::report().write_html(std::fs::File::create("memory.html")?)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the error of the writer.
    pub fn write_html(&self, mut out: impl Write) -> io::Result<()> {
        out.write_all(self.to_html().as_bytes())
    }

    fn page(&self, first: Vec<Answer>) -> String {
        let mut page = String::new();
        // Writing to a string cannot fail.
        let _ = self.render(first).write_to_string(&mut page);
        page
    }

    fn render(&self, first: Vec<Answer>) -> impl RenderOnce + '_ {
        let verdicts = self.verdicts();
        owned_html! {
            : doctype::HTML;
            html(lang="en") {
                head {
                    meta(charset="utf-8");
                    meta(name="viewport", content="width=device-width, initial-scale=1");
                    meta(http-equiv="Content-Security-Policy", content=POLICY);
                    title : "memprobe report";
                    style : Raw(STYLE);
                }
                body {
                    header {
                        h1 : "memprobe report";
                        p(class="soft") : self.what();
                    }
                    main {
                        : answers::answers(first, self, &verdicts);
                        @ if let Some(live) = &self.live {
                            : live::live(live, &verdicts);
                        }
                        @ if !self.functions.is_empty() {
                            : timeline::timeline(self);
                        }
                        @ if self.why_empty().is_none() {
                            : icicle::icicle(self, &verdicts);
                            : tables::tables(self, &verdicts);
                            : Raw(include_str!("html/words.html"));
                        }
                    }
                    script : Raw(SCRIPT);
                }
            }
        }
    }

    /// Returns the function with the highest peak of a single call.
    fn highest_peak(&self) -> Option<(&Function, Figures)> {
        let all = self.functions.iter().filter_map(|function| Some((function, function.figures?)));
        all.rev().max_by_key(|(_, figures)| figures.peak).filter(|(_, figures)| figures.peak > 0)
    }

    /// Describes how many calls the report covers, and how long.
    fn what(&self) -> String {
        let calls: u64 = self.functions.iter().map(|function| function.outcomes.calls()).sum();
        format!(
            "{} {} of {} {} in {}",
            HumanCount(calls),
            if calls == 1 { "call" } else { "calls" },
            self.functions.len(),
            if self.functions.len() == 1 { "function" } else { "functions" },
            HumanDuration(self.elapsed)
        )
    }
}

impl Verdicts {
    /// Returns the paths of the verdicts that were found.
    fn paths(&self) -> impl Iterator<Item = &[&'static str]> {
        let paths = [
            self.pressure.found().map(|found| &found.path[..]),
            self.growing.found().map(|found| &found.path[..]),
            self.churn.found().map(|found| &found.path[..]),
        ];
        paths.into_iter().flatten()
    }
}

/// Renders a word for each verdict whose path `is_at` accepts.
fn tags<'a>(verdicts: &Verdicts, is_at: impl Fn(&[&'static str]) -> bool) -> impl RenderOnce + 'a {
    let found = [
        ("tag-p", "highest × at once", verdicts.pressure.found().map(|found| &found.path)),
        ("tag-g", "grows", verdicts.growing.found().map(|found| &found.path)),
        ("tag-c", "churns", verdicts.churn.found().map(|found| &found.path)),
    ];
    let found: Vec<_> = found
        .into_iter()
        .filter(|(.., path)| path.is_some_and(|path| is_at(path)))
        .map(|(class, word, _)| (class, word))
        .collect();
    owned_html! {
        @ for (class, word) in found {
            : " ";
            span(class=class) : word;
        }
    }
}

/// Returns `part` of `whole` as a CSS percentage.
fn share(part: f64, whole: f64) -> String {
    let percent = if whole > 0.0 { part / whole * 100.0 } else { 0.0 };
    format!("{percent:.2}%")
}

/// Returns the id of a function's row.
fn row_of(report: &Report, function: &str) -> Option<String> {
    let at = report.functions.iter().position(|other| other.name == function)?;
    Some(format!("f{at}"))
}

#[cfg(all(test, feature = "enabled"))]
mod tests {
    use crate::report::Report;
    use crate::report::sample_reports::{MIB, calls, hot_spots, report};

    #[test]
    fn a_name_is_text_wherever_it_stands() {
        let name = "<script>alert(\"1\")</script>&";
        let mut report = report(&[calls(name, 100, MIB, MIB, 64 << 10)]);
        report.tree[0].segments = hot_spots().tree[0].segments.clone();
        report.functions[0].segments = hot_spots().functions[0].segments.clone();
        report.functions[0].segments[0].label = "</script><b>";
        let page = report.allocated_from_to(MIB, 9 * MIB).to_html();
        assert!(!page.contains("<script>alert"), "{page}");
        assert!(!page.contains("alert(\""), "{page}");
        assert!(!page.contains("<b>"), "{page}");
        assert_eq!(page.matches("</script>").count(), 2, "{page}");
        assert!(page.contains("&lt;script&gt;alert(&quot;1&quot;)"), "{page}");
    }

    #[test]
    fn the_first_answer_was_measured_and_what_was_not_is_said() {
        let mut report = hot_spots();
        let page = report.to_html();
        let product = "crowd: 100 calls at once × 1.0 MiB = 100.0 MiB";
        for told in [
            r#"<p class="big">88.0 MiB</p>"#,
            "reached in decoded → resized",
            product,
            "if all of them peaked together, which may never have happened</p>",
        ] {
            assert!(page.contains(told), "{told}: {page}");
        }
        report.process.peak_rss = Some(90 * MIB);
        let told = "which may never have happened: the process had 90.0 MiB at most";
        assert!(report.to_html().contains(told));
        let page = report.at_once("app::crowd", 1).to_html();
        assert!(!page.contains("may never have happened: "), "{page}");
    }

    #[test]
    fn a_function_that_hands_on_what_it_makes_is_not_said_to_keep_it() {
        let page = hot_spots().to_html().to_lowercase();
        assert!(page.contains("a result that is handed on and freed elsewhere counts"), "{page}");
        assert!(!page.contains("kept") && !page.contains("keeps"), "{page}");
    }

    #[test]
    fn what_is_folded_is_counted_and_what_a_verdict_names_is_not_folded() {
        let name = |at: u64| -> &'static str { format!("app::f{at}").leak() };
        let mut all: Vec<_> =
            (0..100).map(|at| calls(name(at), 10, MIB, MIB << (at / 50), 0)).collect();
        all.push(calls("app::churner", 100, 1000 * MIB, 1 << 10, 0));
        let page = report(&all).to_html();
        let told = "60 functions more, each with a peak × at once of at most 2.0 MiB (100.0% of";
        assert!(page.contains(told), "{page}");
        let rows = page.matches(r#"<th scope="row""#).count();
        assert_eq!(rows, 2 * 41, "of functions and of contexts: {page}");
        assert!(page.contains(r#"<th scope="row" data-value="app::churner">"#), "{page}");
        assert!(!hot_spots().to_html().contains(" more, each with"), "all are there");
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        let page = hot_spots().to_html();
        for word in ["http:", "https:", "src=", "@import", "url(", "<link"] {
            assert!(!page.contains(word), "{word}");
        }
    }

    #[test]
    fn a_deep_call_tree_is_folded_and_does_not_overflow_the_stack() {
        let name = |at: u64| -> &'static str { format!("app::f{at}").leak() };
        let leaf = calls(name(0), 10, MIB, MIB, 0);
        let deep =
            (1..300).fold(leaf, |inner, at| calls(name(at), 10, MIB, MIB, 0).with(vec![inner]));
        let page = report(&[deep]).to_html();
        assert!(page.contains("1 more, too narrow or too deep to show"), "{page}");
        assert!(page.contains("259 calling contexts more, each with a peak of"), "{page}");
    }

    #[test]
    fn without_jemalloc_the_process_is_shown() {
        let mut report = hot_spots();
        for function in &mut report.functions {
            function.figures = None;
        }
        for sample in &mut report.timeline {
            sample.allocated = None;
        }
        let page = report.to_html();
        assert!(page.contains("jemalloc is not the global allocator"), "{page}");
        assert!(page.contains("Where it rose most, and in which segment"), "{page}");
        assert!(!page.contains("<table"), "{page}");
    }

    #[test]
    fn an_empty_report_says_why() {
        let page = Report::default().to_html();
        assert!(page.contains("memprobe has seen no annotated function end a call yet"), "{page}");
        assert!(!page.contains("0 B"), "{page}");
    }
}
