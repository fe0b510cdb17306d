//! Events in the text formats of `tracing-subscriber`: full, compact and pretty.
//!
//! memprobe's fields have a fixed order: `memprobe` and the names first, then the probe's own fields,
//! which may contain anything, then the ids and the figures. So the second part is found from
//! the end of the line, and not by reading through the probe's own fields.

use std::borrow::Cow;

use memchr::memmem;

use crate::parse::event::{Event, Kind, Value};
use crate::parse::time;

/// How a format joins a field's name and value, and parts two fields.
struct Style {
    mark: &'static str,
    equals: &'static str,
    between: &'static str,
}

const STYLES: [Style; 2] = [
    Style { mark: " memprobe=\"", equals: "=", between: " " },
    Style { mark: ", memprobe: \"", equals: ": ", between: ", " },
];

/// The ids and figures in the order in which memprobe writes them, each at most once.
const FIGURES: [&str; 27] = [
    "call_id",
    "parent_id",
    "uptime_us",
    "peak",
    "net",
    "held",
    "allocated",
    "freed",
    "rss",
    "cgroup",
    "limit",
    "jemalloc_allocated",
    "jemalloc_active",
    "jemalloc_resident",
    "jemalloc_metadata",
    "outcome",
    "duration_us",
    "call_peak",
    "call_peak_from",
    "call_peak_label",
    "call_net",
    "call_allocated",
    "call_freed",
    "peak_rss",
    "cold",
    "why",
    "skipped",
];

/// Returns the event in a line without colours; `None` if there is none. The second value says
/// whether the line holds parts of more than one event.
pub fn event(line: &str) -> Option<(Event, bool)> {
    let (style, at, is_torn) = STYLES.iter().find_map(|style| {
        let mut marks = find_iter(line, style.mark).filter(|at| {
            // A text that a quote ends may look like one.
            let word = line.as_bytes().get(at + style.mark.len());
            word.is_none_or(u8::is_ascii_lowercase)
        });
        let first = marks.next()?;
        let last = marks.last();
        Some((style, last.unwrap_or(first), last.is_some()))
    })?;
    let mut event = Event::default();
    let head = &line[..at];
    event.at = time(head);
    let mut rest = &line[at + style.between.len()..];
    // The names, in their order.
    for name in ["memprobe", "function", "from", "label"] {
        if let Some((value, after)) = field(rest, name, style) {
            event.set(name, value.as_value());
            rest = after;
        }
    }
    if event.kind == Some(Kind::Watch) {
        event.message = Some(message(head).into());
    }
    let figures = start_of_figures(rest, style);
    if let Some(own) = rest.get(..figures).map(|own| own.trim_matches([' ', ',']))
        && !own.is_empty()
        && event.kind != Some(Kind::Watch)
    {
        event.add_own(own);
    }
    rest = rest.get(figures..).unwrap_or("");
    // Behind the figures compact lines have the fields of the spans, which may have any name.
    let mut in_order = FIGURES.iter();
    while let Some((name, after)) = split_once(rest, style.equals) {
        let Some((value, after)) = value(after, style) else { break };
        let value = value.as_value();
        if !in_order.any(|known| *known == name) || is_limit_of_a_span(name, value, &event) {
            break;
        }
        event.set(name, value);
        rest = after;
    }
    Some((event, is_torn))
}

/// Whether a `limit` is not the process's: where that has none, a span's may stand in its place. No
/// process needs more than twice what it may.
fn is_limit_of_a_span(name: &str, value: Value<'_>, event: &Event) -> bool {
    let limit = || value.unsigned().unwrap_or(0);
    name == "limit" && event.rss.is_some_and(|rss| limit() < rss / 2)
}

/// The time at the start of a line, or behind what a collector has put there.
fn time(head: &str) -> Option<i64> {
    head.split(' ').filter(|word| word.len() >= 20).take(4).find_map(time::parse)
}

/// Returns the message in the part of a line that stands before the fields: it begins behind the
/// target, and that ends with the last `: ` before it.
fn message(head: &str) -> &str {
    let start = head.rfind("threshold=").or_else(|| head.rfind("jemalloc is not"));
    &head[start.unwrap_or(0)..]
}

/// Returns where the ids and figures begin: at the last `call_id` that `uptime_us` follows, or at
/// the last `uptime_us`.
fn start_of_figures(text: &str, style: &Style) -> usize {
    let key = |name: &str| format!("{name}{}", style.equals);
    let (call, parent, uptime) = (key("call_id"), key("parent_id"), key("uptime_us"));
    let behind_id = |text: &'_ str, key: &str| -> Option<usize> {
        let digits = text.strip_prefix(key)?.bytes().take_while(u8::is_ascii_digit).count();
        let end = key.len() + digits;
        (digits > 0 && text[end..].starts_with(style.between)).then(|| end + style.between.len())
    };
    let is_start = |&at: &usize| {
        let is_word = at == 0 || text[..at].ends_with(style.between);
        let Some(end) = behind_id(&text[at..], &call).filter(|_| is_word) else { return false };
        let rest = &text[at + end..];
        rest[behind_id(rest, &parent).unwrap_or(0)..].starts_with(&uptime)
    };
    let start = find_iter(text, &call).filter(is_start).last();
    start.or_else(|| text.rfind(&uptime)).unwrap_or(text.len())
}

/// Finds as `str::match_indices` does, which is several times as slow.
fn find_iter(text: &str, part: &str) -> impl Iterator<Item = usize> {
    memmem::find_iter(text.as_bytes(), part.as_bytes())
}

fn split_once<'a>(text: &'a str, at: &str) -> Option<(&'a str, &'a str)> {
    let start = find_iter(text, at).next()?;
    Some((&text[..start], &text[start + at.len()..]))
}

enum Read<'a> {
    Quoted(Cow<'a, str>),
    Bare(&'a str),
}

impl Read<'_> {
    fn as_value(&self) -> Value<'_> {
        match self {
            Read::Quoted(text) => Value::Text(text),
            Read::Bare(text) => match (text.parse(), text.parse()) {
                (Ok(number), _) => Value::Unsigned(number),
                (_, Ok(number)) => Value::Signed(number),
                _ => Value::Text(text),
            },
        }
    }
}

/// Reads the field `name` at the start of a text; returns its value and what follows.
fn field<'a>(text: &'a str, name: &str, style: &Style) -> Option<(Read<'a>, &'a str)> {
    let after = text.strip_prefix(name)?.strip_prefix(style.equals)?;
    value(after, style)
}

fn value<'a>(text: &'a str, style: &Style) -> Option<(Read<'a>, &'a str)> {
    let (value, after) = if let Some(quoted) = text.strip_prefix('"') {
        let end = end_of_quoted(quoted)?;
        (Read::Quoted(unescaped(&quoted[..end])), &quoted[end + 1..])
    } else {
        let end = find_iter(text, style.between).next().unwrap_or(text.len());
        (Read::Bare(text[..end].trim_end()), &text[end..])
    };
    Some((value, after.strip_prefix(style.between).unwrap_or(after)))
}

/// Returns where the closing quote of a text in Rust's `Debug` form is.
fn end_of_quoted(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.bytes().position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })
}

/// Undoes the escapes of Rust's `Debug`.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            plain.push(char);
            continue;
        }
        match chars.next() {
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('t') => plain.push('\t'),
            Some('0') => plain.push('\0'),
            Some('u') => {
                let code: String = chars.by_ref().skip(1).take_while(|&char| char != '}').collect();
                plain.extend(u32::from_str_radix(&code, 16).ok().and_then(char::from_u32));
            }
            Some(other) => plain.push(other),
            None => {}
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_probe_says_itself_cannot_pass_for_a_figure() {
        let line = "2026-11-25T14:20:53.893491Z  INFO a{call_id=9}: memprobe::app: f: entry -> x \
                    memprobe=\"probe\" function=\"app::f\" from=\"entry\" label=\"x\" \
                    path=/ call_id=7 peak=5 memo=\"call_id=8 uptime_us=1\" call_id=3 parent_id=2 \
                    uptime_us=10 peak=20 net=-30 held=0 allocated=40 freed=70 a=1";
        let (event, is_torn) = event(line).expect("an event");
        assert!(!is_torn);
        assert_eq!((event.call_id, event.parent_id, event.uptime_us), (Some(3), Some(2), Some(10)));
        assert_eq!((event.peak, event.net, event.freed), (Some(20), Some(-30), Some(70)));
        let own = event.own.as_deref();
        assert_eq!(own, Some("path=/ call_id=7 peak=5 memo=\"call_id=8 uptime_us=1\""));
        assert_eq!(event.at, time::parse("2026-11-25T14:20:53.893491Z"));
    }

    #[test]
    fn the_fields_of_spans_are_no_figures() {
        let line = " INFO list: memprobe::app: f: entered memprobe=\"entry\" function=\"app::f\" \
                    call_id=3 uptime_us=10 rss=9277440 ";
        for (spans, limit) in [
            ("limit=50 offset=0", None),
            ("id=1 limit=134217728", None),
            ("call_id=7 rss=1", None),
            ("limit=134217728 rss=1 limit=50", Some(128 << 20)),
            ("limit=134217728 jemalloc_allocated=5 limit=50", Some(128 << 20)),
        ] {
            let (event, _) = event(&format!("{line}{spans}")).expect("an event");
            assert_eq!((event.limit, event.rss), (limit, Some(9_277_440)), "{spans}");
            assert_eq!((event.call_id, event.uptime_us), (Some(3), Some(10)), "{spans}");
        }
    }

    #[test]
    fn the_order_is_the_one_in_which_memprobe_writes() {
        let fields = include_str!("../../../memprobe/src/runtime/events/fields.rs");
        for kind in ["(@entry $", "(@probe $", "(@exit $"] {
            let (_, lists) = fields.split_once(kind).expect(kind);
            let (_, figures) = lists.split_once("[call_id").expect(kind);
            let (figures, _) = figures.split_once(']').expect(kind);
            let mut in_order = FIGURES.iter().skip(1);
            for name in figures.split_whitespace() {
                assert!(in_order.any(|known| *known == name), "{kind}: {name}");
            }
        }
    }

    #[test]
    fn the_figures_are_found_in_linear_time() {
        let head = " INFO memprobe::app: f memprobe=\"probe\" function=\"a\" label=\"x\" ";
        let tail = "call_id=3 parent_id=2 uptime_us=10";
        for own in ["call_id=1 ", "parent_id=call_id=1 ", "call_id=1call_id=1", "parent_id=1 "] {
            let own = own.repeat((4 << 20) / own.len());
            let (event, _) = event(&format!("{head}call_id=1 {own} {tail}")).expect("an event");
            assert_eq!((event.call_id, event.parent_id), (Some(3), Some(2)));
            let (event, _) = super::event(&format!("{head}call_id=1 {own}")).expect("an event");
            assert_eq!(event.uptime_us, None);
        }
    }

    #[test]
    fn names_have_their_escapes_undone() {
        let line = " INFO memprobe::app: f memprobe=\"entry\" function=\"a \\\"b\\\"\\n\\u{1f}\" \
                    call_id=3 uptime_us=10";
        let (event, _) = event(line).expect("an event");
        assert_eq!(event.function, "a \"b\"··");
        assert_eq!(event.lacks(), None);
    }
}
