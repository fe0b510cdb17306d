//! Logs that were torn, cut, mixed or made up: never a panic, and no line of ours is lost without a
//! word.

mod common;

use common::{all, model};
use memprobe_cli::model::Counts;
use memprobe_cli::parse::origin::Origin;
use memprobe_cli::parse::{Found, Parser};
use proptest::prelude::*;

/// How many lines of ours are accounted for.
fn counted(counts: Counts) -> u64 {
    counts.events + counts.duplicates + counts.crossings + counts.unreadable
}

#[test]
fn every_line_of_every_log_is_counted() {
    for (name, log) in all() {
        let (model, extent) = model(log.as_bytes());
        assert_eq!(extent.lines, log.lines().count() as u64, "{name}");
        assert_eq!(extent.bytes, log.len() as u64, "{name}");
        assert_eq!(model.counts.unreadable, 0, "{name}: {:?}", model.unreadable);
        let ours = log.lines().filter(|line| is_event(line)).count() as u64;
        assert_eq!(counted(model.counts), ours, "{name}");
    }
}

/// Whether a line is an event of memprobe's, in whatever format.
fn is_event(line: &str) -> bool {
    // Without colours.
    let mut parts = line.split('\u{1b}');
    let mut plain = parts.next().unwrap_or("").to_owned();
    plain.extend(parts.map(|part| part.split_once('m').map_or(part, |(_, text)| text)));
    let marks = ["\"memprobe\":\"", " memprobe=\"", ", memprobe: \""];
    let ours = marks.iter().any(|mark| plain.contains(mark));
    // The application's own line has it as a value of its own.
    ours && plain.contains("uptime_us")
}

fn lines_of_ours() -> Vec<String> {
    let lines =
        all().into_iter().flat_map(|(_, log)| log.lines().map(str::to_owned).collect::<Vec<_>>());
    lines.filter(|line| is_event(line)).collect()
}

#[test]
fn a_line_cut_anywhere_behind_its_mark_is_told_of() {
    let plain = lines_of_ours().into_iter().filter(|line| !line.contains('\u{1b}'));
    for line in plain.step_by(3) {
        let marks = ["\"memprobe\":\"", " memprobe=\"", ", memprobe: \""];
        let mark = marks.iter().find_map(|mark| Some(line.find(mark)? + mark.len()));
        let start = mark.expect("a mark") + 1;
        for end in (start..line.len()).step_by(7).filter(|&end| line.is_char_boundary(end)) {
            // Text whose figures are cut is an event with fewer figures, or tells what it lacks.
            let found = found(&line.as_bytes()[..end]);
            assert!(!found.is_empty(), "{}", &line[..end]);
        }
    }
}

#[test]
fn lines_in_one_line_are_each_read_or_told_of() {
    let lines = lines_of_ours();
    for pair in lines.windows(2).step_by(5) {
        let joined = format!("{}{}", pair[0], pair[1]);
        assert!(found(joined.as_bytes()).len() >= 2, "{joined}");
    }
}

fn found(line: &[u8]) -> Vec<Found> {
    let mut all = Vec::new();
    let mut parser = Parser::default();
    parser.line(line, (Origin::default(), None), &mut |one| all.push(one));
    parser.finish(&mut |one| all.push(one));
    all
}

#[test]
fn wrappers_in_wrappers_are_read_to_a_bound() {
    let cri = "2026-11-25T14:00:04Z stdout F ";
    let line = &lines_of_ours()[0];
    let is_event = |found: &[Found]| matches!(found, [Found::Record(..)]);
    assert!(is_event(&found(format!("{cri}{cri}{line}").as_bytes())));
    found((cri.repeat(100_000) + line).as_bytes());
}

/// What can happen to a log.
#[derive(Clone, Debug)]
enum Damage {
    Cut(prop::sample::Index, u16),
    Delete(prop::sample::Index),
    Twice(prop::sample::Index),
    Swap(prop::sample::Index, prop::sample::Index),
    Byte(prop::sample::Index, prop::sample::Index, u8),
    Join(prop::sample::Index),
    Insert(prop::sample::Index, Vec<u8>),
    Number(prop::sample::Index, u64),
}

fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        (index(), any::<u16>()).prop_map(|(at, end)| Damage::Cut(at, end)),
        index().prop_map(Damage::Delete),
        index().prop_map(Damage::Twice),
        (index(), index()).prop_map(|(at, to)| Damage::Swap(at, to)),
        (index(), index(), any::<u8>()).prop_map(|(at, byte, to)| Damage::Byte(at, byte, to)),
        index().prop_map(Damage::Join),
        (index(), prop::collection::vec(any::<u8>(), 0..200))
            .prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        (index(), any::<u64>()).prop_map(|(at, to)| Damage::Number(at, to)),
    ]
}

fn apply(damage: &Damage, lines: &mut Vec<Vec<u8>>) {
    if lines.is_empty() {
        return;
    }
    let count = lines.len();
    match damage {
        Damage::Cut(at, end) => {
            let line = &mut lines[at.index(count)];
            line.truncate(usize::from(*end) % (line.len() + 1));
        }
        Damage::Delete(at) => drop(lines.remove(at.index(count))),
        Damage::Twice(at) => {
            let line = lines[at.index(count)].clone();
            lines.push(line);
        }
        Damage::Swap(at, to) => lines.swap(at.index(count), to.index(count)),
        Damage::Byte(at, byte, to) => {
            let line = &mut lines[at.index(count)];
            if !line.is_empty() {
                let byte = byte.index(line.len());
                line[byte] = *to;
            }
        }
        Damage::Join(at) => {
            let line = lines.remove(at.index(count));
            if let Some(other) = lines.first_mut() {
                other.extend(line);
            }
        }
        Damage::Insert(at, bytes) => {
            let line = &mut lines[at.index(count)];
            let middle = line.len() / 2;
            line.splice(middle..middle, bytes.iter().copied());
        }
        Damage::Number(at, to) => {
            let line = String::from_utf8_lossy(&lines[at.index(count)]).into_owned();
            for name in ["allocated", "call_id", "uptime_us", "held"] {
                if let Some((before, after)) = line.rsplit_once(name) {
                    let start = after.find(|char: char| char.is_ascii_digit()).unwrap_or(0);
                    let end = after[start..].find(|char: char| !char.is_ascii_digit());
                    let end = end.map_or(after.len(), |end| start + end);
                    let changed = format!("{before}{name}{}{to}{}", &after[..start], &after[end..]);
                    lines[at.index(count)] = changed.into_bytes();
                    return;
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_never_panics_and_untouched_lines_are_read(
        which in any::<prop::sample::Index>(),
        damages in prop::collection::vec(damage(), 1..12),
    ) {
        let logs = all();
        let (name, log) = &logs[which.index(logs.len())];
        let mut lines: Vec<Vec<u8>> = log.lines().map(|line| line.as_bytes().to_vec()).collect();
        for damage in &damages {
            apply(damage, &mut lines);
        }
        let damaged = lines.join(&b'\n');
        let (model, extent) = model(&damaged);
        let ends = damaged.split(|&byte| byte == b'\n').count() as u64 - 1;
        let last = u64::from(!damaged.is_empty() && !damaged.ends_with(b"\n"));
        // A line may have been made the head of a table or of a document, whose lines are others.
        prop_assert!(extent.lines == ends + last || damaged.starts_with(b"{") || damaged.contains(&b','), "{name}");
        let untouched = log.lines().filter(|line| is_event(line));
        let untouched = untouched.filter(|line| lines.iter().any(|other| other == line.as_bytes()));
        prop_assert!(counted(model.counts) >= untouched.count() as u64, "{name}");
        // All views of whatever came of it.
        for process in &model.processes {
            let report = process.builder.report();
            prop_assert!(!report.to_html().is_empty());
            prop_assert!(report.to_string().len() < 10 << 20);
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        model(&bytes);
        found(&bytes);
    }

    #[test]
    fn any_text_about_memprobe_is_read_without_a_panic(
        words in prop::collection::vec(
            prop_oneof![
                Just("memprobe=\"".to_owned()), Just("memprobe: threshold=".to_owned()),
                Just("{\"memprobe\":\"exit\",".to_owned()), Just("\"".to_owned()), Just(" ".to_owned()),
                Just("call_id=".to_owned()), Just("uptime_us=".to_owned()), Just("\u{1b}[".to_owned()),
                Just("\\".to_owned()), Just("running=\"".to_owned()), Just("}".to_owned()),
                Just("2026-11-25T14:00:04Z stdout P ".to_owned()), Just("Killed process ".to_owned()),
                "[a-z0-9:=%<'(),.]{0,12}",
            ],
            0..40,
        ),
    ) {
        let text = words.concat();
        model(text.as_bytes());
    }
}
