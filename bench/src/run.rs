//! Builds the peers, runs them in turns, and keeps what they print.

use std::collections::HashMap;
use std::process::Command;

use indicatif::{ProgressBar, ProgressStyle};
use memprobe_bench::build::build;

/// A peer: the program, the feature it is built with, and its argument.
#[derive(Clone, Copy)]
pub struct Peer {
    pub name: &'static str,
    pub binary: &'static str,
    pub feature: &'static str,
    pub argument: Option<&'static str>,
}

const fn peer(
    name: &'static str,
    binary: &'static str,
    feature: &'static str,
    argument: Option<&'static str>,
) -> Peer {
    Peer { name, binary, feature, argument }
}

/// All of them, in the order in which a round runs them.
pub const PEERS: [Peer; 14] = [
    peer("floor", "floor", "floor", None),
    peer("jemalloc alone", "malloc", "floor", None),
    peer("jemalloc through memprobe", "malloc", "memprobe", None),
    peer("watch, 512 MiB", "malloc", "memprobe", Some("512")),
    peer("watch, 1 GiB", "malloc", "memprobe", Some("1024")),
    peer("watch, 4 GiB", "malloc", "memprobe", Some("4096")),
    peer("memprobe", "memprobe", "memprobe", None),
    peer("hotpath, allocations", "hotpath", "hotpath-alloc", None),
    peer("off", "off", "off", None),
    peer("tracing, no subscriber", "tracing", "tracing", None),
    peer("hotpath, time", "hotpath", "hotpath", None),
    peer("tracing, fmt to a sink", "tracing", "tracing", Some("fmt")),
    peer("by hand", "by-hand", "by-hand", None),
    peer("memprobe, JSON", "memprobe", "memprobe", Some("json")),
];

/// ns without and with, one of each for each round.
#[derive(Default)]
pub struct Samples(Vec<(f64, f64)>);

/// What the rounds gave: a quarter of them is below `p25`, half below `median`.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    pub p25: f64,
    pub median: f64,
    pub p75: f64,
}

#[derive(Default)]
pub struct Results(HashMap<(String, String), Samples>);

impl Results {
    fn figure(&self, peer: &str, case: &str, of: fn(&(f64, f64)) -> f64) -> Option<Figure> {
        let samples = self.0.get(&(peer.to_owned(), case.to_owned()))?;
        let mut values: Vec<f64> = samples.0.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        let at = |part: usize| values[(values.len() - 1) * part / 4];
        Some(Figure { p25: at(1), median: at(2), p75: at(3) })
    }

    /// What a peer takes.
    pub fn with(&self, peer: &str, case: &str) -> Option<Figure> {
        self.figure(peer, case, |(_, with)| *with)
    }

    /// What the same takes without it, in the same process.
    pub fn plain(&self, peer: &str, case: &str) -> Option<Figure> {
        self.figure(peer, case, |(plain, _)| *plain)
    }

    /// What a peer takes over plain.
    pub fn over(&self, peer: &str, case: &str) -> Option<Figure> {
        self.figure(peer, case, |(plain, with)| with - plain)
    }
}

/// A bar on standard error.
pub fn bar(steps: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg} {elapsed}");
    ProgressBar::new(steps).with_style(style.expect("a template"))
}

/// Runs these peers in turns.
///
/// # Panics
///
/// Where a peer fails.
pub fn run(peers: &[Peer], rounds: u64) -> Results {
    let bar = bar((rounds + 1) * peers.len() as u64);
    let mut programs = Vec::new();
    for peer in peers {
        bar.set_message(format!("building {}", peer.name));
        programs.push(build(peer.binary, peer.feature).expect(peer.name));
        bar.inc(1);
    }
    let mut results = Results::default();
    for round in 1..=rounds {
        for (peer, program) in peers.iter().zip(&programs) {
            bar.set_message(format!("round {round}: {}", peer.name));
            let output = Command::new(program).args(peer.argument).output().expect("it runs");
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}: {error}", peer.name);
            for line in String::from_utf8_lossy(&output.stdout).lines() {
                let Some((case, plain, with)) = parse(line) else { continue };
                let key = (peer.name.to_owned(), case.to_owned());
                results.0.entry(key).or_default().0.push((plain, with));
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    results
}

/// A line of `harness::print`.
pub fn parse(line: &str) -> Option<(&str, f64, f64)> {
    let mut parts = line.split('\t');
    let (case, plain, with) = (parts.next()?, parts.next()?, parts.next()?);
    Some((case, plain.parse().ok()?, with.parse().ok()?))
}
