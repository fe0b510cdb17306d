//! Who owns the live memory: areas that add up to all of it, how they came to be, and a table with
//! the stacks that allocated them.

mod areas;
mod history;
mod owners;
mod treemap;

use std::fmt::Write as _;

use horrorshow::owned_html;
use horrorshow::prelude::*;

use crate::format::units::{HumanBytes, HumanCount, HumanDuration, SignedBytes};
use crate::report::verdicts::Verdicts;
use crate::report::{Estimate, Live, Owner, OwnerKind};

/// Owners with a colour of their own, in the order of what they own.
const COLORS: usize = 8;

pub(super) fn live<'a>(live: &'a Live, verdicts: &Verdicts) -> impl RenderOnce + use<'a> {
    let warning = warning(live);
    let growing = verdicts.growing.found().and_then(|found| found.owner(live));
    owned_html! {
        section(class="live", aria-labelledby="live") {
            h2(id="live") : "Who owns what is there now";
            p(class="soft") : what(live);
            @ if let Some(warning) = warning {
                p(class="warning") : warning;
            }
            @ if live.present().is_empty() {
                p : "None of the live blocks is among the samples.";
            } else {
                : areas::areas(live);
                : history::history(live, growing);
                : owners::owners(live, growing);
            }
        }
    }
}

fn what(live: &Live) -> String {
    let Estimate { samples, .. } = live.total;
    let blocks = if samples == 1 { "block" } else { "blocks" };
    format!(
        "{} of live memory, by whose call allocated it, whoever holds it now: estimated from {} \
         live {blocks}, sampled once in {} of allocations on average. ± is the standard error.",
        live.total,
        HumanCount(samples),
        HumanBytes(live.interval)
    )
}

/// Says why the figures are less than they should be.
fn warning(live: &Live) -> Option<String> {
    let mut text = String::new();
    if !live.active {
        text.push_str("Sampling is off, so newer blocks are not seen. ");
    }
    if live.lost > 0 {
        let lost = HumanCount(live.lost);
        let _ = write!(text, "The figures are too low: {lost} samples had no room in the table. ");
    }
    (!text.is_empty()).then(|| text.trim_end().to_owned())
}

/// Returns the class that has the colour of the owner at this place; owners without one share that
/// of all others.
fn color(at: usize) -> &'static str {
    const CLASSES: [&str; COLORS] = ["o0", "o1", "o2", "o3", "o4", "o5", "o6", "o7"];
    CLASSES.get(at).copied().unwrap_or("others")
}

/// Describes what an owner owns, for who hovers over its picture.
fn title(owner: &Owner, total: Estimate) -> String {
    let mut text = format!("{}: {}", owner.name(), owner.live);
    // Writing to a string cannot fail.
    let _ = match owner.live.share_of(total) {
        Some(share) => write!(text, ", {share} of all"),
        None => write!(text, ", a rough estimate"),
    };
    for (part, whose) in [(owner.finished, "ended"), (owner.running, "still run")] {
        if owner.kind == OwnerKind::Call && part.samples > 0 {
            let _ = write!(text, "; {} of calls that {whose}", HumanBytes(part.bytes));
        }
    }
    if let Some(age) = owner.median {
        let _ = write!(text, "; half of it is older than {}", HumanDuration(age.time));
    }
    text
}

/// Describes by how much the memory of an owner's finished calls rose, if there is any.
fn rise(owner: &Owner) -> Option<String> {
    let rise = owner.rise.filter(|rise| rise.bytes != 0 || owner.finished.samples > 0)?;
    let bytes = match rise.bytes {
        0 => HumanBytes(0).to_string(),
        bytes => SignedBytes(bytes).to_string(),
    };
    Some(format!("{bytes} ± {} in {}", HumanBytes(rise.error), HumanDuration(rise.time)))
}

/// Returns the owners with a picture of their own, and the others.
fn pictured(owners: &[Owner], most: usize) -> (&[Owner], &[Owner]) {
    owners.split_at(owners.len().min(most))
}

fn swatch(class: &'static str) -> impl RenderOnce {
    owned_html! {
        i(class=format!("swatch {class}"), aria-hidden="true") {}
    }
}

#[cfg(all(test, feature = "enabled"))]
mod tests {
    use super::*;
    use crate::report::Report;
    use crate::report::sample_reports::{hot_spots, with_owners};

    /// Returns the text between two others.
    fn between<'a>(page: &'a str, start: &str, end: &str) -> &'a str {
        let (_, rest) = page.split_once(start).expect(start);
        rest.split_once(end).expect(end).0
    }

    #[test]
    fn the_owners_are_the_first_picture() {
        let page = with_owners().to_html();
        let at = |text: &str| page.find(text).expect(text);
        assert!(at("What churns") < at("Who owns what is there now"));
        assert!(at("Who owns what is there now") < at("Memory over time"));
        let told = "84.0 MiB ± 6.1 MiB of live memory, by whose call allocated it";
        assert!(page.contains(told), "{page}");
        let head = r#"data-kind="estimate">by itself</th>"#;
        assert!(page.contains(head), "a column of the calling contexts: {page}");
        let page = hot_spots().to_html();
        assert!(!page.contains("Who owns") && !page.contains("Owns now"), "{page}");
    }

    #[test]
    fn an_area_says_all_and_leads_to_its_row() {
        let page = with_owners().to_html();
        let areas = between(&page, r#"<ul class="areas">"#, "</ul>");
        assert_eq!(areas.matches("<li").count(), 12, "all but none is too small: {areas}");
        let title = "handler › Cache::remember after &#39;parsed&#39;: 62.0 MiB ± 5.6 MiB, 73% of \
                     all; 61.5 MiB of calls that ended; 512 KiB of calls that still run; half of \
                     it is older than 5000 ms";
        let area = format!("<a href=\"#o0\" title=\"{title}\">").replace("&#39;", "'");
        assert!(areas.contains(&area), "{areas}");
        assert!(areas.contains("10.0\u{a0}MiB ±\u{a0}0\u{a0}B"), "{areas}");
        assert!(areas.contains("width:100.00%"), "what still runs is hatched: {areas}");
        assert!(page.contains(r#"<tr id="o0">"#) && page.contains(r#"<tr id="o11">"#), "{page}");
    }

    #[test]
    fn what_is_small_is_put_together_and_still_adds_up() {
        let mut report = with_owners();
        let live = report.live.as_mut().expect("owners");
        let small = live.owners[5].clone();
        live.owners.splice(5..5, std::iter::repeat_n(small, 100));
        live.total = live.owners.iter().fold(Estimate::default(), |sum, one| sum.plus(one.live));
        let page = report.to_html();
        let areas = between(&page, r#"<ul class="areas">"#, "</ul>");
        assert!(areas.contains(r##"<a href="#o3" title="109 more: "##), "{areas}");
        let owners = between(&page, r#"<table id="owners""#, "</table>");
        assert_eq!(owners.matches(r#"<tr id="o"#).count(), 25, "{owners}");
        assert!(owners.contains("88 more"), "{owners}");
    }

    #[test]
    fn a_rough_estimate_is_said_to_be_one_and_who_grows_is_marked() {
        let page = with_owners().to_html();
        let owners = between(&page, r#"<table id="owners""#, "</table>");
        assert_eq!(owners.matches(r#"<span class="tag-c">rough</span>"#).count(), 9, "{owners}");
        assert_eq!(owners.matches(r#"<span class="tag-g">grows</span>"#).count(), 1, "{owners}");
        assert!(owners.contains("+31.0 MiB ± 4.0 MiB in 5000 ms"), "{owners}");
        assert!(owners.contains("5000 ms, 340 calls ago"), "{owners}");
        assert!(page.contains("from 0 B to 59.0 MiB. handler › Cache::remember after"), "{page}");
    }

    #[test]
    fn what_makes_the_figures_less_is_said() {
        let mut report = with_owners();
        let live = report.live.as_mut().expect("owners");
        assert_eq!(warning(live), None);
        (live.active, live.lost) = (false, 12);
        let page = report.to_html();
        assert!(page.contains("Sampling is off, so newer blocks are not seen."), "{page}");
        assert!(page.contains("too low: 12 samples had no room"), "{page}");
    }

    #[test]
    fn the_owners_are_shown_before_any_call_has_ended() {
        let report = Report { live: with_owners().live, ..Report::default() };
        assert!(report.to_html().contains(r#"<ul class="areas">"#));
        assert!(report.to_string().contains("not annotated"), "{report}");
        let none = Report { live: Some(Live::default()), ..Report::default() };
        assert!(none.to_html().contains("None of the live blocks is among the samples."));
    }

    #[test]
    fn a_name_is_text_wherever_it_stands() {
        let mut report = with_owners();
        let live = report.live.as_mut().expect("owners");
        live.owners[0].path = vec!["app::<script>alert(\"1\")</script>"];
        live.owners[0].after = Some("</title><b>");
        let page = report.to_html();
        for tag in ["<script>alert", "alert(\"", "<b>"] {
            assert!(!page.contains(tag), "{tag}: {page}");
        }
    }
}
