//! What many functions take, and the report of them, or their metrics.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use memprobe_bench::build::build;

use crate::run::parse;
use crate::table::Table;

/// A table of reports of functions with three probes each.
///
/// # Errors
///
/// Where the program does not build or run.
pub fn of_reports() -> Result<Table, String> {
    let program = build("report", "memprobe")?;
    let title = "Many functions, CPU time and bytes";
    table(&program, title, "functions", &["600", "1200", "10000"])
}

/// A table of what one collection of metrics takes.
///
/// # Errors
///
/// Where the program does not build or run.
pub fn of_metrics() -> Result<Table, String> {
    let program = build("collect", "metrics")?;
    let title = "`Collector::collect`, CPU time";
    table(&program, title, "segments", &["10", "100", "1000"])
}

fn table(program: &Path, title: &'static str, of: &str, sizes: &[&str]) -> Result<Table, String> {
    let head: Vec<String> = sizes.iter().map(|size| format!("{size} {of}")).collect();
    let head: Vec<&str> = std::iter::once("").chain(head.iter().map(String::as_str)).collect();
    let mut table = Table::new(title, &head);
    let mut rows: Vec<Vec<String>> = Vec::new();
    for size in sizes {
        let output = Command::new(program).arg(size).output().map_err(|why| why.to_string())?;
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let _ = write!(text, "{}", String::from_utf8_lossy(&output.stderr));
            return Err(text);
        }
        for (at, (case, _, figure)) in text.lines().filter_map(parse).enumerate() {
            if rows.len() <= at {
                rows.push(vec![case.to_owned()]);
            }
            rows[at].push(format!("{figure:.*}", if case.ends_with("ms") { 2 } else { 0 }));
        }
    }
    for row in rows {
        table.row(row);
    }
    Ok(table)
}
