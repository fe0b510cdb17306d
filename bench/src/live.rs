//! What sampling for `live` costs: one program in several builds, run in turns.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;

use memprobe_bench::build::build;
use memprobe_bench::harness::median;

use crate::run::{bar, parse};
use crate::table::Table;

/// A column: its name, the feature of its build, and jemalloc's configuration.
const WAYS: [(&str, &str, &str); 7] = [
    ("jemalloc alone", "live-floor", ""),
    ("memprobe", "live-without", ""),
    ("`live`, inactive", "live", "prof_active:false"),
    ("`live`", "live", ""),
    ("hotpath, counting", "live-hotpath", ""),
    ("tracking-allocator", "live-tracking", ""),
    ("dhat, over malloc", "live-dhat", ""),
];

/// Runs all of them so many times. Gives the medians, and those of the ratios within a round to
/// memprobe without `live`.
pub fn table(rounds: u64) -> Result<Table, String> {
    let bar = bar((rounds + 1) * WAYS.len() as u64);
    let mut programs: Vec<PathBuf> = Vec::new();
    for (name, feature, _) in WAYS {
        bar.set_message(format!("building {name}"));
        programs.push(build("live", feature)?);
        bar.inc(1);
    }
    let mut order: Vec<String> = Vec::new();
    let mut found: HashMap<String, Vec<Vec<f64>>> = HashMap::new();
    for round in 1..=rounds {
        for (way, program) in programs.iter().enumerate() {
            bar.set_message(format!("round {round}: {}", WAYS[way].0));
            let output = Command::new(program).env("_RJEM_MALLOC_CONF", WAYS[way].2).output();
            let output = output.map_err(|error| error.to_string())?;
            for line in String::from_utf8_lossy(&output.stdout).lines() {
                let Some((case, _, ns)) = parse(line) else { continue };
                if !found.contains_key(case) {
                    order.push(case.to_owned());
                }
                let ways = found.entry(case.to_owned()).or_insert(vec![Vec::new(); WAYS.len()]);
                ways[way].push(ns);
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    let head: Vec<&str> = std::iter::once("").chain(WAYS.iter().map(|way| way.0)).collect();
    let mut table = Table::new("ns each, and times memprobe without `live`, medians", &head);
    for case in order {
        let ways = &found[&case];
        let cell = |way: &Vec<f64>| {
            let ratios = way.iter().zip(&ways[1]).map(|(with, without)| with / without).collect();
            format!("{:.1} ({:.3})", median(way.clone()), median(ratios))
        };
        let cells = ways.iter().map(cell);
        table.row(std::iter::once(case.clone()).chain(cells).collect());
    }
    Ok(table)
}
