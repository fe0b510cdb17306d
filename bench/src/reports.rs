//! What thousands of functions take, and the report of them.

use std::fmt::Write as _;
use std::process::Command;

use memprobe_bench::build::build;

use crate::run::parse;
use crate::table::Table;

/// Functions with three probes each.
const SIZES: [&str; 3] = ["600", "1200", "10000"];

/// A table of all sizes.
///
/// # Errors
///
/// Where the program does not build or run.
pub fn table() -> Result<Table, String> {
    let program = build("report", "memprobe")?;
    let head: Vec<String> = SIZES.iter().map(|size| format!("{size} functions")).collect();
    let head: Vec<&str> = std::iter::once("").chain(head.iter().map(String::as_str)).collect();
    let mut table = Table::new("Many functions, CPU time and bytes", &head);
    let mut rows: Vec<Vec<String>> = Vec::new();
    for size in SIZES {
        let output = Command::new(&program).arg(size).output().map_err(|why| why.to_string())?;
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let _ = write!(text, "{}", String::from_utf8_lossy(&output.stderr));
            return Err(text);
        }
        for (at, (case, _, figure)) in text.lines().filter_map(parse).enumerate() {
            if rows.len() <= at {
                rows.push(vec![case.to_owned()]);
            }
            rows[at].push(format!("{figure:.*}", usize::from(case.ends_with("ms"))));
        }
    }
    for row in rows {
        table.row(row);
    }
    Ok(table)
}
