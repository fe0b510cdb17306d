//! What one program takes in several builds and settings, run in turns: with `live`, and with spans.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;

use memprobe_bench::build::build;
use memprobe_bench::harness::median;

use crate::run::{bar, parse};
use crate::table::Table;

/// A column of a table.
pub struct Way {
    name: &'static str,
    /// The feature of its build.
    feature: &'static str,
    /// What its program finds in the environment.
    variable: (&'static str, &'static str),
}

/// A table of what one program takes in several ways.
pub struct Ways {
    title: &'static str,
    binary: &'static str,
    columns: &'static [Way],
    /// The way with which the others are compared.
    base: usize,
}

const fn sampled(name: &'static str, feature: &'static str, conf: &'static str) -> Way {
    Way { name, feature, variable: ("_RJEM_MALLOC_CONF", conf) }
}

const fn spans(name: &'static str, feature: &'static str, subscriber: &'static str) -> Way {
    Way { name, feature, variable: ("SUBSCRIBER", subscriber) }
}

/// What sampling for `live` costs.
pub const LIVE: Ways = Ways {
    title: "ns each, and times memprobe without `live`, medians",
    binary: "live",
    columns: &[
        sampled("jemalloc alone", "live-floor", ""),
        sampled("memprobe", "live-without", ""),
        sampled("`live`, inactive", "live", "prof_active:false"),
        sampled("`live`", "live", ""),
        sampled("hotpath, counting", "live-hotpath", ""),
        sampled("tracking-allocator", "live-tracking", ""),
        sampled("dhat, over malloc", "live-dhat", ""),
    ],
    base: 1,
};

/// What spans as calls cost, over a registry alone.
pub const SPANS: Ways = Ways {
    title: "ns each, and times the registry alone, medians",
    binary: "spans",
    columns: &[
        spans("no subscriber", "spans-floor", "none"),
        spans("registry", "spans-floor", "registry"),
        spans("spans left out", "spans", "filtered"),
        spans("spans as calls", "spans", "calls"),
        spans("in `ignore`", "spans", "ignored"),
        spans("tracking-allocator", "spans-tracking", "tracking"),
    ],
    base: 1,
};

/// Runs all of them so many times. Gives the medians, and those of the ratios within a round to the
/// base.
pub fn table(of: &Ways, rounds: u64) -> Result<Table, String> {
    let ways = of.columns;
    let bar = bar((rounds + 1) * ways.len() as u64);
    let mut programs: Vec<PathBuf> = Vec::new();
    for Way { name, feature, .. } in ways {
        bar.set_message(format!("building {name}"));
        programs.push(build(of.binary, feature)?);
        bar.inc(1);
    }
    let mut order: Vec<String> = Vec::new();
    let mut found: HashMap<String, Vec<Vec<f64>>> = HashMap::new();
    for round in 1..=rounds {
        for (way, program) in programs.iter().enumerate() {
            let Way { name, variable: (key, value), .. } = ways[way];
            bar.set_message(format!("round {round}: {name}"));
            let output = Command::new(program).env(key, value).output();
            let output = output.map_err(|error| error.to_string())?;
            for line in String::from_utf8_lossy(&output.stdout).lines() {
                let Some((case, _, ns)) = parse(line) else { continue };
                if !found.contains_key(case) {
                    order.push(case.to_owned());
                }
                let all = found.entry(case.to_owned()).or_insert(vec![Vec::new(); ways.len()]);
                all[way].push(ns);
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    let head: Vec<&str> = std::iter::once("").chain(ways.iter().map(|way| way.name)).collect();
    let mut table = Table::new(of.title, &head);
    for case in order {
        let all = &found[&case];
        let cell = |way: &Vec<f64>| {
            let ratios = way.iter().zip(&all[of.base]).map(|(with, base)| with / base).collect();
            if way.is_empty() {
                return String::new();
            }
            format!("{:.1} ({:.3})", median(way.clone()), median(ratios))
        };
        let cells = all.iter().map(cell);
        table.row(std::iter::once(case.clone()).chain(cells).collect());
    }
    Ok(table)
}
