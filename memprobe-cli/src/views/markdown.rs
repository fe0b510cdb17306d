//! The report as Markdown, for a pull request.

use std::io::{self, Write};

use memprobe::__builder::{HumanBytes, HumanCount, SignedBytes};
use memprobe::report::Verdict;

use crate::model::Group;
use crate::views::{LISTED, counted};

/// Writes the report of some processes.
///
/// # Errors
///
/// Those of the writer.
pub fn report(group: &Group<'_>, out: &mut impl Write) -> io::Result<()> {
    match &*group.name {
        "" => writeln!(out, "### Memory\n")?,
        name => writeln!(out, "### Memory: {}\n", escaped(name))?,
    }
    let has_calls = !group.report.functions.is_empty();
    if has_calls {
        let verdicts = group.report.verdicts();
        let nothing = "nothing: no call is seen to keep more and more";
        verdict(out, "pressure", &verdicts.pressure, "no call that ended needed memory")?;
        verdict(out, "growing", &verdicts.growing, nothing)?;
        verdict(out, "churn", &verdicts.churn, "no function allocates far more than it needs")?;
    }
    for (_, process) in &group.processes {
        if let Some(death) = &process.death {
            write!(out, "- **killed**: {} ({})", escaped(death.words), escaped(&process.name()))?;
            let holder = process.crossing.as_ref().and_then(|(crossing, _)| crossing.holder());
            match holder {
                Some(holder) => writeln!(out, "; {}", escaped(&holder.text))?,
                None => writeln!(out)?,
            }
        }
    }
    if has_calls {
        functions(group, out)?;
    }
    let events = group.processes.iter().map(|(_, process)| process.events).sum();
    writeln!(out, "\n{} of a log.", counted(events, "event", "events"))
}

fn functions(group: &Group<'_>, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\n| function | calls | peak | 99 % of peaks up to | per call | allocated |")?;
    writeln!(out, "|---|--:|--:|--:|--:|--:|")?;
    for function in group.report.functions.iter().take(LISTED) {
        let figures = function.of_ended_calls();
        let cell =
            |bytes: Option<u64>| bytes.map_or(String::new(), |it| HumanBytes(it).to_string());
        let per_call = figures.and_then(|figures| figures.steady);
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} |",
            code(function.name),
            HumanCount(function.outcomes.calls()),
            cell(figures.map(|figures| figures.peak)),
            cell(function.peaks.quantile(0.99)),
            per_call.map_or(String::new(), |it| SignedBytes(it.per_call()).to_string()),
            cell(figures.map(|figures| figures.allocated)),
        )?;
    }
    if group.report.functions.len() > LISTED {
        writeln!(out, "\n{} functions more.", group.report.functions.len() - LISTED)?;
    }
    Ok(())
}

fn verdict<T: std::fmt::Display>(
    out: &mut impl Write,
    name: &str,
    verdict: &Verdict<T>,
    nothing: &str,
) -> io::Result<()> {
    match verdict {
        Verdict::Found(found) => writeln!(out, "- **{name}**: {}", escaped(&found.to_string())),
        Verdict::Nothing => writeln!(out, "- {name}: {nothing}"),
        Verdict::Unknown(why) => writeln!(out, "- {name}: {}", escaped(why)),
        Verdict::Undecided(candidates) => {
            let which = if candidates.len() == 1 { "perhaps this one" } else { "one of these" };
            writeln!(out, "- **{name}**: {which}:")?;
            candidates.iter().try_for_each(|one| writeln!(out, "  - {}", escaped(&one.to_string())))
        }
        // A verdict that this version of memprobe does not know.
        _ => Ok(()),
    }
}

/// Writes text as text, whatever it has in it.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for char in text.chars() {
        match char {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '&' | '~' => {
                escaped.push('\\');
                escaped.push(char);
            }
            char if char.is_control() => escaped.push(' '),
            char => escaped.push(char),
        }
    }
    escaped
}

/// Writes a name as code in a table.
pub(super) fn code(name: &str) -> String {
    let name: String =
        name.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    if name.contains('`') { escaped(&name) } else { format!("`{}`", name.replace('|', "\\|")) }
}
