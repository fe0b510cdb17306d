//! Processes that are reported together.

use std::collections::BTreeMap;

use memprobe::__builder::Builder;
use memprobe::Report;

use crate::model::trend::Trend;
use crate::model::{CallRow, Model, Process};

/// By what reports are kept apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum By {
    /// One report of all.
    #[default]
    All,
    /// One for each process: streams, hosts and starts are told apart.
    Process,
    /// One for each host, where the log has it.
    Host,
    /// One for each release, where the log has it.
    Release,
}

/// Some processes, with the sums of their calls.
pub struct Group<'m> {
    pub name: String,
    /// With their indices in the model.
    pub processes: Vec<(usize, &'m Process)>,
    pub report: Report,
    pub trends: BTreeMap<&'static str, Trend>,
}

/// Sorts the processes of a model into groups.
pub fn groups(model: &Model, by: By) -> Vec<Group<'_>> {
    let mut groups: Vec<(String, Vec<(usize, &Process)>)> = Vec::new();
    for (at, process) in model.processes.iter().enumerate() {
        let named = |name: &str, what: &str| match name {
            "" => format!("no {what} in the log"),
            name => name.to_owned(),
        };
        let name = match by {
            By::All => String::new(),
            By::Process => format!("{} ({})", process.name(), at + 1),
            By::Host => named(process.origin.host, "host"),
            By::Release => named(process.origin.release, "release"),
        };
        match groups.iter_mut().find(|(other, _)| *other == name) {
            Some((_, processes)) => processes.push((at, process)),
            None => groups.push((name, vec![(at, process)])),
        }
    }
    groups.into_iter().map(|(name, processes)| Group::new(name, processes)).collect()
}

impl<'m> Group<'m> {
    /// Returns the single calls of these processes that the model keeps, the heaviest first.
    pub fn calls(&self, model: &'m Model) -> impl Iterator<Item = &'m CallRow> {
        let is_ours = |call: &&CallRow| self.processes.iter().any(|(at, _)| *at == call.process);
        model.heaviest.calls().into_iter().filter(is_ours)
    }

    fn new(name: String, processes: Vec<(usize, &'m Process)>) -> Group<'m> {
        let report = match &processes[..] {
            [(_, only)] => only.builder.report(),
            processes => {
                let mut all = Builder::default();
                for (_, process) in processes {
                    all.merge(&process.builder);
                }
                // Of processes that ran beside or after each other the one that came highest.
                let builders = processes.iter().map(|(_, process)| &process.builder.process);
                let highest = builders.max_by_key(|process| process.peak_used());
                all.process = highest.cloned().unwrap_or_default();
                all.report()
            }
        };
        let mut trends: BTreeMap<&'static str, Trend> = BTreeMap::new();
        for (function, trend) in processes.iter().flat_map(|(_, process)| &process.trends) {
            trends.entry(function).or_default().merge(trend);
        }
        Group { name, processes, report, trends }
    }
}
