//! The owners of the live memory, as lines of text.

use std::fmt::{self, Display};

use crate::format::name::{keep_start, short};
use crate::format::units::{HumanBytes, HumanCount, HumanDuration};
use crate::report::{Estimate, Live, Owner, OwnerKind};

/// Width of the column of names, in characters.
const NAME: usize = 34;
/// Most owners with a row of their own.
const ROWS: usize = 10;
/// memprobe itself has a row if it owns more than the total divided by this.
const TINY: u64 = 100;

/// One line of the table of owners.
pub(super) struct Row {
    name: String,
    /// Bytes, error, share, of finished and of running calls, age in time and in calls.
    cells: [String; 7],
}

impl Row {
    pub fn head() -> Row {
        let cells = ["owns now", "error", "share", "finished", "running", "age", "calls ago"];
        Row { name: "owner".to_owned(), cells: cells.map(str::to_owned) }
    }

    fn of(name: &str, live: Estimate, total: Estimate) -> Row {
        let mut cells = <[String; 7]>::default();
        cells[0] = HumanBytes(live.bytes).to_string();
        cells[1] = format!("± {}", HumanBytes(live.error));
        cells[2] = live.share_of(total).unwrap_or_else(|| "rough".to_owned());
        Row { name: keep_start(name, NAME - 1), cells }
    }
}

impl Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [bytes, error, share, finished, running, time, calls] = &self.cells;
        let line = format!(
            "{:NAME$}{bytes:>10}{error:>12}{share:>6}{finished:>10}{running:>10}{time:>8}{calls:>10}",
            self.name
        );
        f.write_str(line.trim_end())
    }
}

/// Returns a row for each of the owners that own the most, and one for the others together.
pub(super) fn rows(live: &Live) -> Vec<Row> {
    let total = live.total;
    let is_tiny = |owner: &&Owner| {
        owner.kind == OwnerKind::Memprobe && owner.live.bytes <= total.bytes / TINY
    };
    let (tiny, owners): (Vec<&Owner>, Vec<&Owner>) = live.present().iter().partition(is_tiny);
    let mut rows: Vec<Row> = owners.iter().take(ROWS).map(|owner| row(owner, total)).collect();
    let further: Vec<_> = owners.iter().skip(ROWS).chain(&tiny).collect();
    if !further.is_empty() {
        let sum = further.iter().fold(Estimate::default(), |sum, owner| sum.plus(owner.live));
        rows.push(Row::of(&format!("{} more", further.len()), sum, total));
    }
    rows
}

fn row(owner: &Owner, total: Estimate) -> Row {
    let mut row = Row::of(&name(owner), owner.live, total);
    let part = |part: Estimate| match (owner.kind, part.samples) {
        (OwnerKind::Call, 1..) => HumanBytes(part.bytes).to_string(),
        _ => String::new(),
    };
    row.cells[3] = part(owner.finished);
    row.cells[4] = part(owner.running);
    if let Some(age) = owner.median {
        row.cells[5] = HumanDuration(age.time).to_string();
        row.cells[6] = age.calls.map_or(String::new(), |calls| HumanCount(calls).to_string());
    }
    row
}

/// Returns an owner's name, without its callers if there is no room for them.
fn name(owner: &Owner) -> String {
    let whole = owner.name();
    match (owner.path.last(), owner.after) {
        (Some(function), Some(after)) if whole.chars().count() >= NAME => {
            format!("{} after '{after}'", short(function))
        }
        _ => whole,
    }
}

/// Describes how much is live, and from what that is estimated.
pub(super) fn summary(live: &Live) -> String {
    let rate = if live.active {
        format!(", one in {}", HumanBytes(live.interval))
    } else {
        "; sampling is off, so newer blocks are not seen".to_owned()
    };
    format!("{}, by {} samples{rate}", live.total, HumanCount(live.total.samples))
}

/// Warns that the figures are too low.
pub(super) fn lost(live: &Live) -> String {
    format!("too low: {} samples had no room in the table", HumanCount(live.lost))
}

/// Returns the function and the line of code that allocate the most of what an owner owns, where
/// they are found.
pub(super) fn culprit(owner: &Owner) -> Option<String> {
    let frame = owner.stacks.first()?.culprit()?;
    frame.function.is_some().then(|| format!("allocated by {frame}"))
}

#[cfg(all(test, feature = "enabled"))]
mod tests {
    use super::super::WIDTH;
    use crate::report::sample_reports::{MIB, hot_spots, with_owners};

    #[test]
    fn the_owners_stand_after_the_process_and_before_the_tree() {
        let report = with_owners().to_string();
        let live = "\nlive      84.0 MiB ± 6.1 MiB, by 148 samples, one in 512 KiB\n";
        assert!(report.contains(live), "{report}");
        let (_, text) = report.split_once("of 512.0 MiB\n").expect("the process");
        let (_, text) = text.split_once("\n\n").expect("a table");
        let expected = "\
owner                               owns now       error share  finished   running     age calls ago
Cache::remember after 'parsed'      62.0 MiB   ± 5.6 MiB   73%  61.5 MiB   512 KiB 5000 ms       340
handler › resize after 'entry'      10.0 MiB       ± 0 B   11%            10.0 MiB 5000 ms       340
not annotated                        7.0 MiB   ± 1.9 MiB    8%                     9000 ms
handler after 'decoded'              576 KiB   ± 512 KiB rough   576 KiB           5000 ms       340
handler after 'resized'              576 KiB   ± 512 KiB rough   576 KiB           5000 ms       340
handler after 'stored'               576 KiB   ± 512 KiB rough   576 KiB           5000 ms       340
handler after 'sent'                 576 KiB   ± 512 KiB rough   576 KiB           5000 ms       340
handler after 'logged'               576 KiB   ± 512 KiB rough   576 KiB           5000 ms       340
handler after 'closed'               576 KiB   ± 512 KiB rough   576 KiB           5000 ms       340
handler after 'entry'                576 KiB   ± 512 KiB rough   576 KiB           5000 ms       340
2 more                               1.1 MiB   ± 724 KiB rough

    function                    calls at once       peak        net   per call  allocated   owns now
gc  ..andler, 1 panicked, 2..     100       1   88.0 MiB    6.3 MiB    +64 KiB  16.02 GiB    4.5 MiB
      decoded -> resized          100           88.0 MiB        0 B              5.86 GiB
      entry -> decoded            100           30.0 MiB        0 B             200.0 MiB
      resized -> return           100            4.0 MiB    6.3 MiB              9.96 GiB
      app::image::resize          100       1   60.0 MiB        0 B        0 B   5.86 GiB   10.0 MiB
      app::fetch                  100       1    2.0 MiB  100.0 MiB   +1.0 MiB  200.0 MiB
c     app::parse                  100       1    1.0 MiB        0 B        0 B   9.77 GiB
g     app::Cache::remember        100       1     64 KiB    6.3 MiB    +64 KiB    6.3 MiB   62.0 MiB
      2 more                     2000            ≤ 300 B
p   app::crowd                    100     100    1.0 MiB        0 B        0 B  100.0 MiB
3 calls more in contexts that the tree had no room for
";
        assert_eq!(text, expected);
    }

    #[test]
    #[cfg(feature = "symbols")]
    fn the_line_of_code_stands_below_who_grows() {
        let report = with_owners().to_string();
        let function = "\n          allocated by memprobe::report::sample_reports::with_owners at";
        let (before, _) = report.split_once(function).expect("a line of code");
        assert!(before.contains("\ngrowing ") && !before.contains("\nchurn "), "{report}");
    }

    #[test]
    fn what_makes_the_figures_less_is_said() {
        let mut report = with_owners();
        let live = report.live.as_mut().expect("owners");
        (live.active, live.lost) = (false, 12);
        let text = report.to_string();
        assert!(text.contains("; sampling is off, so newer blocks are not seen"), "{text}");
        assert!(text.contains("too low: 12 samples had no room"), "{text}");
    }

    #[test]
    fn without_samples_there_is_neither_a_table_nor_a_column() {
        let text = hot_spots().to_string();
        assert!(!text.contains("own"), "{text}");
    }

    #[test]
    fn no_line_is_longer_than_the_terminal() {
        let mut report = with_owners();
        let live = report.live.as_mut().expect("owners");
        let name = "a_crate::a_module::AType::a_rather_long_name_of_a_function";
        live.owners[0].path = vec![name; 3];
        live.owners[0].after = Some("a label that is longer than most of them");
        live.owners[0].live.bytes = 1023 * MIB;
        for line in report.to_string().lines() {
            assert!(line.chars().count() <= WIDTH, "{}: {line}", line.chars().count());
        }
    }
}
