//! One command that builds and runs memprobe, its peers and the floor in turns, in one run
//! on one machine, and prints what each costs.

mod reports;
mod requests;
mod run;
mod sizes;
mod table;
mod ways;

use clap::{Parser, Subcommand};
use memprobe_bench::instructions;
use run::{PEERS, Results};
use sizes::{Build, Code, Future};
use table::Table;

/// What memprobe costs, against its peers and the floor.
#[derive(Parser)]
struct Arguments {
    /// Print Markdown.
    #[arg(long, global = true)]
    markdown: bool,
    /// How often each peer runs.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
    /// Leave out the clean builds, which take minutes.
    #[arg(long)]
    no_builds: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Count instructions under callgrind and compare with those kept in the repository.
    Instructions {
        /// Keep what is counted instead.
        #[arg(long)]
        renew: bool,
    },
    /// Show what sampling for `live` costs.
    Live,
    /// Show what spans as calls cost.
    Spans,
    /// Show what handing the totals over to the crate `metrics` takes.
    Metrics,
    /// Show what the totals and the reports of 600 to 10,000 functions take.
    Reports,
    /// Show what the layer for `tower` costs a request.
    Requests,
}

fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    match arguments.command {
        Some(Command::Instructions { renew: true }) => report(instructions::renew()),
        Some(Command::Instructions { renew: false }) => report(instructions::check()),
        Some(Command::Live) => ways(&ways::LIVE, &arguments),
        Some(Command::Spans) => ways(&ways::SPANS, &arguments),
        Some(Command::Metrics) => {
            report(reports::of_metrics().map(|table| table.text(arguments.markdown)))
        }
        Some(Command::Reports) => {
            report(reports::of_reports().map(|table| table.text(arguments.markdown)))
        }
        Some(Command::Requests) => {
            report(Ok(requests::table(arguments.rounds).text(arguments.markdown)))
        }
        None => {
            measure(&arguments);
            std::process::ExitCode::SUCCESS
        }
    }
}

fn ways(of: &ways::Ways, arguments: &Arguments) -> std::process::ExitCode {
    report(ways::table(of, arguments.rounds).map(|table| table.text(arguments.markdown)))
}

fn report(result: Result<String, String>) -> std::process::ExitCode {
    match result {
        Ok(text) => {
            println!("{text}");
            std::process::ExitCode::SUCCESS
        }
        Err(text) => {
            eprintln!("{text}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) {
    let (code, futures) = sizes::code_and_futures();
    let results = run::run(&PEERS, arguments.rounds);
    let builds = if arguments.no_builds { Vec::new() } else { sizes::clean_builds() };
    let tables = [
        overheads(&results),
        alone(&results),
        of_allocators(&results),
        of_threads(&results),
        of_events(&results),
        added(&code, &futures, &builds),
    ];
    for table in tables {
        println!("{}", table.text(arguments.markdown));
    }
    println!("{} rounds, {}", arguments.rounds, machine());
}

/// ns over plain of the cases that all peers have.
fn overheads(results: &Results) -> Table {
    const CASES: [&str; 8] = [
        "sync: empty",
        "sync: malloc + free 64 B",
        "sync: 8 deep",
        "async: ready at once",
        "async: malloc + free 64 B",
        "async: one yield",
        "async: 8 nested",
        "async: one yield, on 4 workers",
    ];
    let peers: Vec<&str> = PEERS
        .iter()
        .map(|peer| peer.name)
        .filter(|name| CASES.iter().any(|case| results.with(name, case).is_some()))
        .collect();
    let head: Vec<&str> = std::iter::once("").chain(peers.iter().copied()).collect();
    let mut table = Table::new("ns over the same without, median (p25 to p75)", &head);
    for case in CASES {
        let cell = |peer: &&str| results.over(peer, case).map_or(String::new(), short);
        table.row(std::iter::once(case.to_owned()).chain(peers.iter().map(cell)).collect());
    }
    table
}

fn short(figure: run::Figure) -> String {
    let run::Figure { p25, median, p75 } = figure;
    let digits = usize::from(median.abs() < 1000.0);
    format!("{median:.digits$} ({p25:.digits$} to {p75:.digits$})")
}

/// ns of what has no plain counterpart.
fn alone(results: &Results) -> Table {
    let mut table = Table::new("ns each, median (p25 to p75)", &["", "", "plain", "with"]);
    for (peer, case) in [
        ("floor", "two cached counter reads"),
        ("floor", "peak read + reset"),
        ("floor", "peak reset"),
        ("floor", "Instant::now"),
        ("floor", "CLOCK_MONOTONIC_COARSE"),
        ("jemalloc alone", "malloc + free 64 B"),
        ("jemalloc through memprobe", "malloc + free 64 B"),
        ("jemalloc alone", "a block grown to 4 MiB by 1 MiB"),
        ("jemalloc through memprobe", "a block grown to 4 MiB by 1 MiB"),
        ("by hand", "one line by hand, nobody listens"),
        ("by hand", "one line by hand"),
        ("memprobe", "a probe"),
        ("memprobe", "a probe in a loop"),
        ("memprobe, JSON", "not admitted: empty"),
        ("memprobe, JSON", "not admitted: malloc + free 64 B"),
        ("memprobe, JSON", "not admitted: a probe"),
        ("memprobe, JSON", "admitted: a probe in a loop"),
        ("memprobe, JSON", "constants and a read of RSS, 1 threads"),
    ] {
        let (plain, with) = (results.plain(peer, case), results.with(peer, case));
        let plain = plain.filter(|plain| plain.median > 0.0).map_or(String::new(), short);
        table.row(vec![peer.into(), case.into(), plain, with.map_or(String::new(), short)]);
    }
    table
}

/// What the allocator takes through memprobe and under a watch, against jemalloc alone.
fn of_allocators(results: &Results) -> Table {
    const SMALL: &str = "malloc + free 64 B";
    const LARGE: &str = "malloc + free 1 MiB";
    let mut table = Table::new("The allocator, times jemalloc alone", &["", "", ""]);
    for (peer, case) in [
        ("jemalloc through memprobe", SMALL),
        ("jemalloc through memprobe", "a block grown to 4 MiB by 1 MiB"),
        ("watch, 512 MiB", SMALL),
        ("watch, 512 MiB", LARGE),
        ("watch, 1 GiB", SMALL),
        ("watch, 1 GiB", LARGE),
        ("watch, 4 GiB", SMALL),
        ("watch, 4 GiB", LARGE),
    ] {
        let (with, alone) = (results.with(peer, case), results.with("jemalloc alone", case));
        let times = with.zip(alone).map(|(with, alone)| with.median / alone.median);
        let times = times.map_or(String::new(), |times| format!("{times:.2}"));
        table.row(vec![peer.into(), case.into(), times]);
    }
    table
}

/// CPU ns of a call where many threads call one function.
fn of_threads(results: &Results) -> Table {
    const THREADS: [u32; 4] = [1, 2, 4, 16];
    let mut table = by_threads("CPU ns of a call by threads on one function", THREADS);
    for case in ["empty", "malloc + free 64 B"] {
        for peer in ["plain", "memprobe", "memprobe, JSON"] {
            let cell = |threads| {
                let case = format!("{threads} threads: {case}");
                match peer {
                    "plain" => results.plain("memprobe", &case),
                    peer => results.with(peer, &case),
                }
            };
            table.row(row(format!("{case}: {peer}"), THREADS.map(cell)));
        }
    }
    table
}

/// What the events of one thread take, where others that have allocated wait.
fn of_events(results: &Results) -> Table {
    const THREADS: [u32; 4] = [1, 17, 65, 257];
    const JSON: &str = "memprobe, JSON";
    let mut table = by_threads("Written events by threads of the process", THREADS);
    for (name, case) in [
        ("an event over one of constants, ns", "an event"),
        ("an epoch, ns", "an epoch"),
        ("epochs, % of wall time", "epochs in % of wall time"),
    ] {
        let over = |threads| results.over(JSON, &format!("{case}, {threads} threads"));
        table.row(row(name.into(), THREADS.map(over)));
    }
    table
}

/// A table with a column for each number of threads.
fn by_threads(title: &'static str, threads: [u32; 4]) -> Table {
    let columns = threads.map(|n| if n == 1 { "1 thread".into() } else { format!("{n} threads") });
    let head: Vec<&str> = std::iter::once("").chain(columns.iter().map(String::as_str)).collect();
    Table::new(title, &head)
}

/// A name, and a cell for each figure.
fn row(name: String, figures: [Option<run::Figure>; 4]) -> Vec<String> {
    let cells = figures.map(|figure| figure.map_or(String::new(), short));
    std::iter::once(name).chain(cells).collect()
}

fn added(code: &Code, futures: &[Future], builds: &[Build]) -> Table {
    let mut table = Table::new("Sizes and clean builds", &["", ""]);
    let mut row = |what: String, figure: String| table.row(vec![what, figure]);
    row("machine code of a sync function".into(), format!("{} B more", code.function));
    row("machine code of a probe".into(), format!("{} B more", code.probe));
    for Future { name, plain, with } in futures {
        row(format!("future: {name}"), format!("{with} B, plain {plain} B"));
    }
    for Build { way, crates, seconds } in builds {
        row(format!("clean build, {way}"), format!("{crates} crates more, {seconds:.1} s"));
    }
    table
}

/// The processor and how many of it.
fn machine() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(0, Into::into);
    format!("{cores} × {}", model.unwrap_or("unknown processor"))
}
