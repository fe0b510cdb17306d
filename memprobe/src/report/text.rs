//! The report as text for a terminal: the verdicts, the process, the owners of the live memory, the
//! call tree.

mod owners;

use std::collections::HashMap;
use std::fmt::{self, Display, Write as _};

use crate::format::name::{keep_end, keep_start, wrapped};
use crate::format::units::{HumanBytes, HumanCount, Net, SignedBytes};
use crate::report::style::{Role, Styled};
use crate::report::verdicts::{Verdict, Verdicts};
use crate::report::{Estimate, Figures, Function, Live, Node, Outcomes, Report, Steady};
use crate::values::process::Process;

/// Width of the text, and of the column of names, in characters.
const WIDTH: usize = 100;
const NAME: usize = 36;
/// Width of the heads of the lines above the tree.
const INDENT: usize = 10;
/// Width of a column of bytes: "-1023.9 MiB" fills it, but never stands beside another of that width.
const BYTES: usize = 11;
/// Fewest characters that stand of a function's name.
const LEAST: usize = 8;
/// Most siblings that are shown before the rest is folded.
const SIBLINGS: usize = 8;
/// Nodes are folded into a count if their peak is at most the highest peak divided by this.
const SMALL: u64 = 100;

/// Prints the report for a terminal of 100 columns: the verdicts, the process against its limit, who
/// owns the live memory where that is sampled, and the call tree.
///
/// The age of what an owner owns is that which half of its bytes have reached; `calls ago` is how
/// many of its calls have ended since then. Estimates of less than twice their errors are said to be
/// `rough`, in the tree by `~`.
///
/// In the tree, calls from the same caller are ordered by their peaks, and small ones are folded
/// into a count. Segments have `->` in their names, and as their peak the level that their call
/// reached. The net is what calls allocated less what they freed themselves; memory that they
/// hand on, and others free, counts as kept. `p`, `g` and `c` in front mark the path of the
/// verdicts on pressure, growth and churn.
impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Text { report: self, styled: false }.fmt(f)
    }
}

impl Report {
    /// Returns the text that `Display` prints, in colour, with the feature `color`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::IsTerminal;
    ///
    /// let report = memprobe::report();
    /// if std::io::stdout().is_terminal() {
    ///     print!("{}", report.colored());
    /// } else {
    ///     print!("{report}");
    /// }
    /// ```
    #[cfg(feature = "color")]
    pub fn colored(&self) -> impl Display + use<'_> {
        Text { report: self, styled: true }
    }
}

struct Text<'a> {
    report: &'a Report,
    styled: bool,
}

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.report;
        if report.functions.is_empty() {
            writeln!(f, "{}", report.why_empty().unwrap_or("no figures"))?;
            return report.live.as_ref().map_or(Ok(()), |live| self.owners(f, live));
        }
        let verdicts = report.verdicts();
        self.verdict(f, "pressure", &verdicts.pressure, "no call that ended needed memory")?;
        self.verdict(
            f,
            "growing",
            &verdicts.growing,
            "nothing: no call is seen to keep more and more",
        )?;
        let growing = verdicts.growing.found().zip(report.live.as_ref());
        if let Some(line) = growing.and_then(|(found, live)| owners::culprit(found.owner(live)?)) {
            self.line(f, "", &line)?;
        }
        self.verdict(f, "churn", &verdicts.churn, "no function allocates far more than it needs")?;
        self.line(f, "process", &process(&report.process))?;
        if let Some(live) = &report.live {
            self.owners(f, live)?;
        }
        let tree = Tree::new(report, &verdicts);
        let head = tree.head();
        writeln!(f, "\n{}", self.style(Role::Head, &head))?;
        for row in tree.rows() {
            match row.role {
                Some(role) => writeln!(f, "{}", self.style(role, &row))?,
                None => writeln!(f, "{row}")?,
            }
        }
        if report.folded_calls > 0 {
            let calls = HumanCount(report.folded_calls);
            writeln!(f, "{calls} calls more in contexts that the tree had no room for")?;
        }
        Ok(())
    }
}

impl Text<'_> {
    fn style<'t, T: Display>(&self, role: Role, text: &'t T) -> Styled<'t, T> {
        Styled { role: self.styled.then_some(role), text }
    }

    fn owners(&self, f: &mut fmt::Formatter<'_>, live: &Live) -> fmt::Result {
        self.line(f, "live", &owners::summary(live))?;
        if live.lost > 0 {
            self.line(f, "", &owners::lost(live))?;
        }
        writeln!(f, "\n{}", self.style(Role::Head, &owners::Row::head()))?;
        owners::rows(live).iter().try_for_each(|row| writeln!(f, "{row}"))
    }

    fn verdict<T: Display>(
        &self,
        f: &mut fmt::Formatter<'_>,
        name: &str,
        verdict: &Verdict<T>,
        nothing: &str,
    ) -> fmt::Result {
        match verdict {
            Verdict::Found(found) => self.line(f, name, found),
            Verdict::Nothing => self.line(f, name, &nothing),
            Verdict::Unknown(why) => self.line(f, name, why),
            Verdict::Undecided(candidates) => {
                let which = if candidates.len() == 1 { "perhaps this one" } else { "one of these" };
                self.line(f, name, &format_args!("{which}: memprobe's feature `live` can tell"))?;
                candidates.iter().try_for_each(|candidate| self.line(f, "", candidate))
            }
        }
    }

    fn line(&self, f: &mut fmt::Formatter<'_>, name: &str, text: &impl Display) -> fmt::Result {
        let mut name = format!("{name:INDENT$}");
        for line in wrapped(&text.to_string(), WIDTH - INDENT) {
            writeln!(f, "{}{line}", self.style(Role::Head, &name))?;
            name = " ".repeat(INDENT);
        }
        Ok(())
    }
}

/// Describes the process and how much of its limit it uses.
fn process(process: &Process) -> String {
    let limit = process.limit.as_ref().map(|limit| limit.bytes);
    // RSS includes pages that a cgroup does not count, so it has no percentage of its limit.
    let by_cgroup = process.is_limited_by_cgroup();
    let parts = [
        ("rss", process.rss, !by_cgroup),
        ("cgroup", process.cgroup_usage.filter(|_| by_cgroup), true),
        ("highest", process.peak_used(), true),
    ];
    let parts = parts.iter().filter_map(|&(name, bytes, is_part)| {
        let bytes = bytes?;
        let percent = process.percent_of_limit(bytes).filter(|_| is_part);
        let percent = percent.map_or(String::new(), |percent| format!(" ({percent}%)"));
        Some(format!("{name} {}{percent}", HumanBytes(bytes)))
    });
    let parts: Vec<String> = parts.collect();
    match limit {
        Some(limit) => format!("{} of {}", parts.join(", "), HumanBytes(limit)),
        None => format!("{}; no limit", parts.join(", ")),
    }
}

/// One line of the tree.
struct Row {
    marks: String,
    name: String,
    /// Width of the column of names, in characters.
    width: usize,
    cells: [String; 7],
    role: Option<Role>,
}

impl Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [calls, at_once, bytes @ ..] = &self.cells;
        let (marks, name, width) = (&self.marks, &self.name, self.width);
        let mut line = format!("{marks:4}{name:width$}{calls:>8}{at_once:>8}");
        for bytes in bytes {
            write!(line, "{bytes:>BYTES$}")?;
        }
        f.write_str(line.trim_end())
    }
}

struct Tree<'a> {
    report: &'a Report,
    /// The paths of the verdicts, each with its letter.
    paths: [(char, &'a [&'static str]); 3],
    /// The functions by name.
    functions: HashMap<&'static str, &'a Function>,
    /// Nodes with a peak up to this many bytes are folded; 0 folds none.
    small: u64,
    /// Width of the column of names, which makes room for the column of what is owned.
    width: usize,
}

impl<'a> Tree<'a> {
    fn new(report: &'a Report, verdicts: &'a Verdicts) -> Tree<'a> {
        let path = |path: Option<&'a Vec<&'static str>>| path.map_or(&[][..], Vec::as_slice);
        let paths = [
            ('p', path(verdicts.pressure.found().map(|found| &found.path))),
            ('g', path(verdicts.growing.found().map(|found| &found.path))),
            ('c', path(verdicts.churn.found().map(|found| &found.path))),
        ];
        let highest = report.tree.iter().map(peak).max().unwrap_or(0);
        // Of functions with the same name the first is kept, which has the highest peak.
        let functions = report.functions.iter().rev();
        let functions = functions.map(|function| (function.name, function)).collect();
        let width = if report.live.is_some() { NAME - BYTES } else { NAME };
        Tree { report, paths, functions, small: highest / SMALL, width }
    }

    fn row(&self, name: String, cells: [String; 7], role: Option<Role>) -> Row {
        Row { marks: String::new(), name, width: self.width, cells, role }
    }

    fn head(&self) -> Row {
        let owns = if self.report.live.is_some() { "owns now" } else { "" };
        let cells = ["calls", "at once", "peak", "net", "per call", "allocated", owns];
        self.row("function".to_owned(), cells.map(str::to_owned), Some(Role::Head))
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        self.siblings(&self.report.tree, &mut Vec::new(), &mut rows);
        rows
    }

    fn siblings(&self, nodes: &[Node], path: &mut Vec<&'static str>, rows: &mut Vec<Row>) {
        let mut nodes: Vec<&Node> = nodes.iter().collect();
        nodes.sort_by_key(|node| std::cmp::Reverse(peak(node)));
        let mut folded = Vec::new();
        for (at, node) in nodes.iter().enumerate() {
            path.push(node.function);
            let last_alone = at + 1 == nodes.len() && folded.is_empty();
            let shown = at < SIBLINGS && (peak(node) > self.small || self.small == 0);
            if shown || last_alone || !self.marks(path).is_empty() {
                self.node(node, path, rows);
            } else {
                folded.push(*node);
            }
            path.pop();
        }
        if let Some(first) = folded.first() {
            let count = folded.iter().map(|node| node.outcomes.calls()).sum();
            let name = format!("{:1$}{2} more", "", 2 * path.len(), folded.len());
            let mut cells = cells(count, None);
            if first.of_ended_calls().is_some() {
                cells[2] = format!("≤ {}", HumanBytes(peak(first)));
            }
            rows.push(self.row(name, cells, Some(Role::Aside)));
        }
    }

    fn node(&self, node: &Node, path: &mut Vec<&'static str>, rows: &mut Vec<Row>) {
        let indent = 2 * (path.len() - 1).min(self.width / 4);
        let room = self.width - indent;
        let marks = self.marks(path);
        let is_culprit = self.paths.iter().any(|(_, culprit)| culprit == path);
        let mut cells = cells(node.outcomes.calls(), node.of_ended_calls());
        let function = self.functions.get(node.function);
        cells[1] = function.map_or(String::new(), |function| at_once(function));
        cells[6] = node.live.map_or(String::new(), owns);
        let ends = ends(&node.outcomes);
        let name = keep_end(node.function, room.saturating_sub(ends.chars().count()).max(LEAST));
        let name = keep_start(&format!("{name}{ends}"), room);
        let role = is_culprit.then_some(Role::Culprit);
        rows.push(Row { marks, ..self.row(format!("{:indent$}{name}", ""), cells, role) });
        // A single segment would only repeat the call.
        let segments = node.segments.iter().filter(|_| node.segments.len() > 1);
        let segments = segments.map(|segment| (segment, ""));
        let carried = node.carried.iter().map(|segment| (segment, ", part of the above"));
        for (segment, part) in segments.chain(carried) {
            let name = format!("{} -> {}{part}", segment.from, segment.label);
            let name = format!("{:1$}{2}", "", indent + 2, keep_start(&name, room - 2));
            let cells = self::cells(segment.count, segment.figures.as_ref());
            rows.push(self.row(name, cells, Some(Role::Aside)));
        }
        self.siblings(&node.children, path, rows);
    }

    /// Returns the letters of the verdicts on whose paths the node is.
    fn marks(&self, path: &[&'static str]) -> String {
        let marks = self.paths.iter().filter(|(_, culprit)| culprit.starts_with(path));
        marks.map(|(mark, _)| mark).collect()
    }
}

fn peak(node: &Node) -> u64 {
    node.figures.map_or(0, |figures| figures.high_water)
}

/// Prints the maximum concurrency, with `≥` if it is a lower bound.
fn at_once(function: &Function) -> String {
    let sign = if function.max_concurrent_exact { "" } else { "≥" };
    function.max_concurrent.map_or(String::new(), |calls| format!("{sign}{}", HumanCount(calls)))
}

/// Counts the calls that did not return, by how they ended.
fn ends(outcomes: &Outcomes) -> String {
    let mut text = String::new();
    for (count, how) in [(outcomes.panicked, "panicked"), (outcomes.cancelled, "cancelled")] {
        if count > 0 {
            let _ = write!(text, ", {count} {how}");
        }
    }
    text
}

/// Prints what each call kept on average, without a sign if it is 0.
fn per_call(steady: Steady) -> String {
    match steady.per_call() {
        0 => HumanBytes(0).to_string(),
        bytes => SignedBytes(bytes).to_string(),
    }
}

/// Prints what calls own now, with `~` if that is rough.
fn owns(live: Estimate) -> String {
    let sign = if live.is_rough() { "~" } else { "" };
    format!("{sign}{}", HumanBytes(live.bytes))
}

fn cells(count: u64, figures: Option<&Figures>) -> [String; 7] {
    let mut cells = <[String; 7]>::default();
    cells[0] = HumanCount(count).to_string();
    if let Some(figures) = figures {
        cells[2] = HumanBytes(figures.high_water).to_string();
        cells[3] = Net(figures.net()).to_string();
        cells[4] = figures.steady.map_or(String::new(), per_call);
        cells[5] = HumanBytes(figures.allocated).to_string();
    }
    cells
}

#[cfg(all(test, feature = "enabled"))]
mod tests {
    use super::*;
    use crate::report::sample_reports::{MIB, calls, hot_spots, report};
    use crate::values::process::{Limit, LimitSource};

    #[test]
    fn the_verdicts_stand_first_then_the_process_and_one_tree() {
        let text = hot_spots().to_string();
        let expected = "\
pressure  crowd peaks at 1.0 MiB × 100 at once = 100.0 MiB
growing   handler › Cache::remember keeps +64 KiB a call; the process grows by 640 KiB a second
churn     handler › parse allocated 9.77 GiB, 94 × the 106.3 MiB it needed
process   rss 77.0 MiB (15%), highest 121.0 MiB (23%) of 512.0 MiB

    function                               calls at once       peak        net   per call  allocated
gc  ..::handler, 1 panicked, 2 cancelled     100       1   88.0 MiB    6.3 MiB    +64 KiB  16.02 GiB
      decoded -> resized                     100           88.0 MiB        0 B              5.86 GiB
      entry -> decoded                       100           30.0 MiB        0 B             200.0 MiB
      resized -> return                      100            4.0 MiB    6.3 MiB              9.96 GiB
      app::image::resize                     100       1   60.0 MiB        0 B        0 B   5.86 GiB
      app::fetch                             100       1    2.0 MiB  100.0 MiB   +1.0 MiB  200.0 MiB
c     app::parse                             100       1    1.0 MiB        0 B        0 B   9.77 GiB
g     app::Cache::remember                   100       1     64 KiB    6.3 MiB    +64 KiB    6.3 MiB
      2 more                                2000            ≤ 300 B
p   app::crowd                               100     100    1.0 MiB        0 B        0 B  100.0 MiB
3 calls more in contexts that the tree had no room for
";
        assert_eq!(text, expected);
    }

    #[test]
    fn against_the_limit_of_a_cgroup_stands_its_usage() {
        let source = LimitSource::Cgroup("/sys/fs/cgroup/memory.max".into());
        let mut process = Process {
            rss: Some(258 * MIB),
            peak_rss: Some(260 * MIB),
            cgroup_usage: Some(192 * MIB),
            cgroup_usage_max: Some(224 * MIB),
            limit: Some(Limit { bytes: 256 * MIB, source }),
            ..Process::default()
        };
        let text = "rss 258.0 MiB, cgroup 192.0 MiB (75%), highest 224.0 MiB (87%) of 256.0 MiB";
        assert_eq!(super::process(&process), text);
        process.cgroup_usage_max = Some(300 * MIB);
        let text = "rss 258.0 MiB, cgroup 192.0 MiB (75%), highest 300.0 MiB of 256.0 MiB";
        assert_eq!(super::process(&process), text, "under a limit before this one");
        (process.cgroup_usage, process.cgroup_usage_max) = (None, None);
        let text = "rss 258.0 MiB, highest 260.0 MiB of 256.0 MiB";
        assert_eq!(super::process(&process), text, "no figure is held against the limit");
    }

    #[test]
    #[cfg(feature = "color")]
    fn in_colour_the_text_is_the_same() {
        let report = hot_spots();
        let colored = report.colored().to_string();
        let mut parts = colored.split('\x1b');
        let mut plain = parts.next().unwrap_or("").to_owned();
        for part in parts {
            plain += part.split_once('m').expect("the end of a style").1;
        }
        assert_eq!(plain, report.to_string());
        let culprit = colored.lines().find(|line| line.contains("app::parse")).expect("a row");
        assert!(culprit.starts_with("\x1b[1m\x1b[31mc     app::parse"), "{culprit:?}");
    }

    #[test]
    fn a_lower_bound_of_calls_at_once_is_said_to_be_one() {
        let mut report = report(&[calls("crowd", 100, MIB, MIB, 0)]).at_once("crowd", 7);
        report.functions[0].max_concurrent_exact = false;
        let text = report.to_string();
        assert!(text.contains("crowd peaks at 1.0 MiB × at least 7 at once = 7.0 MiB"), "{text}");
        let row = text.lines().find(|line| line.starts_with("p   crowd")).expect("a row");
        assert!(row.contains(" 100      ≥7 "), "{row}");
    }

    #[test]
    fn nothing_of_calls_that_still_run_is_said_to_be_zero() {
        let text = report(&[calls("running", 0, 0, 0, 0)]).to_string();
        for verdict in ["pressure", "churn   "] {
            let start = format!("{verdict}  no call has ended yet: ");
            assert!(text.lines().any(|line| line.starts_with(&start)), "{text}");
        }
        assert!(!text.contains("0 B"), "{text}");
    }

    #[test]
    fn no_line_is_longer_than_the_terminal() {
        let name = "a_crate::a_module::AType<_>::a_rather_long_name";
        let call = || calls(name, 1000, MIB, 1 << 49, -(1 << 39));
        let deep = (0..30).fold(call(), |inner, _| call().with(vec![inner]));
        for line in report(&[deep]).to_string().lines() {
            assert!(line.chars().count() <= WIDTH, "{}: {line}", line.chars().count());
        }
    }
}
