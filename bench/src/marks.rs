//! What memprobe is to cost at most, and what it does cost.

use crate::run::{Figure, Results};
use crate::sizes::{Build, Code};
use crate::table::Table;

const MEMPROBE: &str = "memprobe";
const JSON: &str = "memprobe, JSON";
const HOTPATH: &str = "hotpath, allocations";
const FLOOR: &str = "floor";
const ALONE: &str = "jemalloc alone";
const THROUGH: &str = "jemalloc through memprobe";

struct Marks<'a> {
    results: &'a Results,
    table: Table,
}

impl Marks<'_> {
    fn row(&mut self, what: &str, mark: &str, figure: String, met: bool) {
        let met = if met { "yes" } else { "no" };
        self.table.row(vec![what.to_owned(), mark.to_owned(), figure, met.to_owned()]);
    }

    /// What memprobe takes over plain, at most so many ns.
    fn at_most(&mut self, what: &str, peer: &str, case: &str, most: f64) {
        if let Some(over) = self.results.over(peer, case) {
            self.row(what, &format!("≤ {most} ns"), ns(over), over.median <= most);
        }
    }

    /// How many times cheaper than hotpath, overhead against overhead, at least.
    fn times_cheaper(&mut self, what: &str, case: &str, least: f64) {
        let (ours, theirs) = (self.results.over(MEMPROBE, case), self.results.over(HOTPATH, case));
        if let (Some(ours), Some(theirs)) = (ours, theirs) {
            let times = theirs.median / ours.median;
            let figure = format!("{times:.1} ×");
            self.row(what, &format!("≥ {least} × cheaper"), figure, times >= least);
        }
    }

    /// One case of two peers, at most so many times as dear.
    fn at_most_times(
        &mut self,
        what: &str,
        (peer, case): (&str, &str),
        (than, than_case): (&str, &str),
        most: f64,
    ) {
        let (ours, theirs) = (self.results.with(peer, case), self.results.with(than, than_case));
        if let (Some(ours), Some(theirs)) = (ours, theirs) {
            let times = ours.median / theirs.median;
            self.row(what, &format!("≤ {most} ×"), format!("{times:.2} ×"), times <= most);
        }
    }
}

/// `12.3 (11.9 to 13.0) ns`.
pub fn ns(figure: Figure) -> String {
    let Figure { p25, median, p75 } = figure;
    let digits = usize::from(median.abs() < 1000.0);
    format!("{median:.digits$} ({p25:.digits$} to {p75:.digits$}) ns")
}

/// All marks; those of sizes only where they were measured.
pub fn table(results: &Results, code: &Code, builds: &[Build]) -> Table {
    let table = Table::new("Marks", &["", "mark", "measured, median (p25 to p75)", "met"]);
    let mut marks = Marks { results, table };

    marks.at_most("sync call that allocates nothing", MEMPROBE, "sync: empty", 12.0);
    let now = results.with(FLOOR, "Instant::now");
    if let (Some(over), Some(now)) = (results.over(MEMPROBE, "sync: empty"), now) {
        let part = over.median / now.median;
        let figure = format!("{part:.2} of {:.1} ns", now.median);
        marks.row("the same, in parts of one `Instant::now`", "≤ 0.5", figure, part <= 0.5);
    }
    marks.at_most("sync call around malloc + free", MEMPROBE, "sync: malloc + free 64 B", 35.0);
    marks.at_most("async call, ready at once", MEMPROBE, "async: ready at once", 20.0);
    marks.at_most("async call with one yield", MEMPROBE, "async: one yield", 40.0);
    marks.at_most("probe inside a call", MEMPROBE, "a probe", 25.0);

    let malloc = "malloc + free 64 B";
    if let (Some(ours), Some(plain)) = (results.with(THROUGH, malloc), results.with(ALONE, malloc))
    {
        let figure = format!("{:.2} ×: {} to {}", ours.median / plain.median, ns(ours), ns(plain));
        marks.row(
            "malloc + free, against jemalloc alone",
            "within p25 to p75",
            figure,
            ours.p25 <= plain.p75,
        );
    }
    let grown = "a block grown to 4 MiB by 1 MiB";
    marks.at_most_times("realloc by 1 MiB", (THROUGH, grown), (ALONE, grown), 1.05);

    for watch in ["watch, 512 MiB", "watch, 1 GiB", "watch, 4 GiB"] {
        for (case, most) in [(malloc, 1.02), ("malloc + free 1 MiB", 1.05)] {
            let what = format!("{watch}: {case}");
            marks.at_most_times(&what, (watch, case), (ALONE, case), most);
        }
    }

    marks.times_cheaper("against hotpath: sync, empty", "sync: empty", 5.0);
    marks.times_cheaper("against hotpath: async, ready", "async: ready at once", 5.0);
    marks.times_cheaper("against hotpath: sync, malloc + free", "sync: malloc + free 64 B", 3.0);
    marks.times_cheaper("against hotpath: async, malloc + free", "async: malloc + free 64 B", 3.0);

    for threads in ["1 threads", "17 threads", "65 threads", "257 threads"] {
        let what = format!("a written event, {threads}");
        marks.at_most(&what, JSON, &format!("an event, {threads}"), 1500.0);
        let share = format!("epochs in % of wall time, {threads}");
        if let Some(share) = results.with(JSON, &share) {
            let what = format!("epochs, {threads}");
            let figure = format!("{:.1} %", share.median);
            marks.row(&what, "≤ 5 % of wall time", figure, share.median <= 5.0);
        }
    }

    marks.at_most("not admitted: empty sync call", JSON, "not admitted: empty", 30.0);
    marks.at_most("not admitted: a probe", JSON, "not admitted: a probe", 30.0);
    if let Some(bytes) = results.with(MEMPROBE, "bytes of 200 totals, 512 threads") {
        let mib = bytes.median / f64::from(1 << 20);
        marks.row(
            "totals of 200 points, 512 threads",
            "≤ 4 MiB",
            format!("{mib:.2} MiB"),
            mib <= 4.0,
        );
    }
    for peer in [MEMPROBE, JSON] {
        for case in ["empty", malloc] {
            let of = |threads: u32| format!("{threads} threads: {case}");
            let what = format!("16 threads against 1: {case}{}", &peer[MEMPROBE.len()..]);
            marks.at_most_times(&what, (peer, &of(16)), (peer, &of(1)), 1.3);
        }
    }

    let figure = |bytes: u64| format!("{bytes} B");
    marks.row(
        "machine code of a sync function",
        "≤ 120 B",
        figure(code.function),
        code.function <= 120,
    );
    marks.row("machine code of a probe", "≤ 60 B", figure(code.probe), code.probe <= 60);
    let of = |way: &str| builds.iter().find(|build| build.way == way);
    if let (Some(without), Some(off)) = (of("without"), of("off")) {
        let more = off.seconds - without.seconds;
        let figure = format!("{} crates, {more:.1} s", off.crates);
        marks.row(
            "off: added to a clean build",
            "2 crates, < 1 s",
            figure,
            off.crates == 2 && more < 1.0,
        );
    }
    marks.table
}
