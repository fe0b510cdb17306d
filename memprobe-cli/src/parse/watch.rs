//! The line that a watch writes when the use of memory crosses a threshold.

use crate::names::{cut, printable};
use crate::parse::time;

/// How the line begins on standard error.
pub const PREFIX: &str = "memprobe: threshold=";
/// Most bytes that are kept of one: a watch writes 2 KiB at most.
const LONGEST: usize = 64 << 10;

/// A crossing, with the figures in bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Crossing {
    /// In percent of the limit.
    pub threshold: f64,
    pub at: Option<i64>,
    pub pid: Option<u32>,
    pub limit: Option<u64>,
    pub estimate: Option<u64>,
    pub rss: Option<u64>,
    pub cgroup: Option<u64>,
    /// The line without its prefix.
    pub text: Box<str>,
}

/// Who holds the most, as a watch's line has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Holder {
    /// A sentence without a full stop.
    pub text: String,
    /// The function, if it is one.
    pub function: Option<String>,
    pub bytes: u64,
}

/// Reads a line, or the message of an event, from `threshold=` on.
pub fn crossing(text: &str) -> Option<Crossing> {
    let text = &*printable(cut(text, LONGEST).trim_end());
    let threshold = value(text, "threshold")?.strip_suffix('%')?.parse().ok()?;
    Some(Crossing {
        threshold,
        at: value(text, "at").and_then(time::parse),
        pid: value(text, "pid").and_then(|pid| pid.parse().ok()),
        limit: value(text, "limit").and_then(bytes),
        estimate: value(text, "estimate").and_then(bytes),
        rss: value(text, "rss").and_then(bytes),
        cgroup: value(text, "cgroup").and_then(bytes),
        text: text.into(),
    })
}

impl Crossing {
    /// Returns a value of the line by its key.
    pub fn get(&self, key: &str) -> Option<&str> {
        value(&self.text, key)
    }

    /// Returns who holds the most: an owner where live memory is sampled, or else a function with
    /// running calls, finished calls, code without an attribute, or what is outside. A figure that is only a bound
    /// counts where nothing exact is larger than a quarter of it.
    pub fn holder(&self) -> Option<Holder> {
        let mut exact = Vec::new();
        let mut bounds = Vec::new();
        let mut add = |text: String, function: Option<&str>, share: Option<(u64, bool)>| {
            let Some((bytes, is_bound)) = share else { return };
            let function = function.map(str::to_owned);
            let holder = Holder { text, function, bytes };
            if is_bound { bounds.push(holder) } else { exact.push(holder) }
        };
        if let Some(owners) = self.get("owners") {
            for item in items(owners) {
                let function = item.split(' ').next().filter(|name| !name.starts_with('('));
                let shown = match function {
                    Some(_) => format!("{} owns {}", owner(item), amount(item).unwrap_or("")),
                    None => {
                        format!("code without an attribute owns {}", amount(item).unwrap_or(""))
                    }
                };
                add(shown, function, amount(item).and_then(share));
            }
        } else {
            for item in items(self.get("running").unwrap_or("")) {
                let function = item.split([' ', ',']).next().unwrap_or(item);
                let is_others = function.bytes().all(|byte| byte.is_ascii_digit());
                let function = Some(function).filter(|_| !is_others);
                add(format!("running calls: {item}"), function, amount(item).and_then(share));
            }
            for item in items(self.get("kept_by_finished_calls").unwrap_or("")) {
                let inner =
                    item.rsplit_once("(most in ").and_then(|(_, inner)| inner.strip_suffix(')'));
                let function = inner.or(item.split(' ').next());
                add(
                    format!("kept by finished calls: {item}"),
                    function,
                    amount(item).and_then(share),
                );
            }
            let beside = self.get("not_in_annotated_code");
            let shown = format!("code without an attribute holds {}", beside.unwrap_or(""));
            add(shown, None, beside.and_then(share));
        }
        for (key, what) in [
            ("outside_jemalloc", "memory outside jemalloc"),
            ("outside_process", "memory outside the process (tmpfs, the kernel, other processes)"),
        ] {
            let value = self.get(key);
            add(format!("{what}: {}", value.unwrap_or("")), None, value.and_then(share));
        }
        let most = |holders: Vec<Holder>| {
            // The first of equal ones.
            holders.into_iter().rev().max_by_key(|holder| holder.bytes)
        };
        match (most(exact), most(bounds)) {
            (Some(exact), Some(bound)) if exact.bytes < bound.bytes / 4 => Some(bound),
            (exact, bound) => exact.or(bound),
        }
    }
}

/// Returns the value of a key, without its quotes.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find(' ').unwrap_or(after.len())),
        };
        if name == key {
            return Some(value);
        }
        rest = after.strip_prefix(' ')?;
    }
    None
}

/// Splits a list at the commas that are outside brackets and quotes.
fn items(list: &str) -> Vec<&str> {
    let (mut items, mut depth, mut quoted, mut start) = (Vec::new(), 0_u32, false, 0);
    for (at, char) in list.char_indices() {
        match char {
            '\'' => quoted = !quoted,
            '(' | '<' if !quoted => depth += 1,
            ')' | '>' if !quoted => depth = depth.saturating_sub(1),
            ',' if depth == 0 && !quoted => {
                items.push(list[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    items.push(list[start..].trim());
    items.retain(|item| !item.is_empty());
    items
}

/// Returns the first word of an item that is an amount of bytes.
fn amount(item: &str) -> Option<&str> {
    let words = item.split(' ').take_while(|word| !word.starts_with('('));
    // A label in quotes may look like one.
    words.filter(|word| !word.ends_with('\'')).find(|word| share(word).is_some())
}

fn owner(item: &str) -> &str {
    let end = amount(item).and_then(|amount| item.find(amount));
    item[..end.unwrap_or(item.len())].trim()
}

/// Reads `<=2.5MiB`, `62.1MiB+-5.6MiB` or `12KiB`: the bytes, and whether they are a bound.
fn share(text: &str) -> Option<(u64, bool)> {
    let (text, is_bound) = match text.strip_prefix("<=") {
        Some(text) => (text, true),
        None => (text, false),
    };
    let text = text.split_once("+-").map_or(text, |(bytes, _)| bytes);
    Some((bytes(text)?, is_bound))
}

/// Reads an amount of bytes as the line has it: `129.5MiB`.
pub fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let unit = text.find(|char: char| char.is_ascii_alphabetic())?;
    let number: f64 = text[..unit].trim().parse().ok()?;
    let scale: u64 = match text[unit..].trim() {
        "B" => 1,
        "KiB" | "K" => 1 << 10,
        "MiB" | "M" => 1 << 20,
        "GiB" | "G" => 1 << 30,
        "TiB" | "T" => 1 << 40,
        _ => return None,
    };
    (number >= 0.0).then(|| (number * scale as f64).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "threshold=95% at=2026-11-25T14:00:04.800Z pid=8521 limit=128.0MiB \
        estimate=129.5MiB rss=134.8MiB cgroup=127.9MiB active=126.0MiB asked=516KiB \
        by=\"victim::bystander\" after=\"waiting\" running=\"victim::culprit 121.9MiB (1.3s, after \
        'loaded'), victim::bystander x99 1.6MiB (oldest 1.4s, largest 40KiB, after 'waiting')\" \
        not_in_annotated_code=<=2.5MiB outside_jemalloc=5.6MiB outside_process=696KiB";

    #[test]
    fn the_line_of_the_documentation_names_the_culprit() {
        let crossing = crossing(LINE).expect("a line");
        assert_eq!((crossing.threshold, crossing.pid), (95.0, Some(8521)));
        assert_eq!(crossing.limit, Some(128 << 20));
        let holder = crossing.holder().expect("a holder");
        assert_eq!(holder.function.as_deref(), Some("victim::culprit"));
        assert_eq!(holder.bytes, bytes("121.9MiB").unwrap_or(0));
    }

    #[test]
    fn of_a_line_only_so_much_is_kept_and_no_escape() {
        let line = format!("threshold=95% by=\"\u{1b}[2J\" pid=3 x={}", "ß".repeat(1 << 20));
        let crossing = crossing(&line).expect("a line");
        assert!((LONGEST..=LONGEST + 1).contains(&crossing.text.len()));
        assert_eq!((crossing.get("by"), crossing.pid), (Some("·[2J"), Some(3)));
    }

    #[test]
    fn finished_calls_and_owners_are_named_too() {
        let kept = "threshold=95% running=\"a::given 100KiB (0.0s, after 'entry')\" \
            kept_by_finished_calls=\"a::handler 112.3MiB (most in a::cache_put)\" \
            not_in_annotated_code=<=11.4MiB";
        let holder = crossing(kept).and_then(|line| line.holder()).expect("a holder");
        assert_eq!(holder.function.as_deref(), Some("a::cache_put"));
        let owned = "threshold=95% owners=\"a::load after '12MiB, x' 62.1MiB+-5.6MiB (running), \
            (not annotated) 3MiB+-1MiB\" running=\"a::wrong 99MiB\" not_in_annotated_code=3MiB+-1MiB";
        let holder = crossing(owned).and_then(|line| line.holder()).expect("a holder");
        assert_eq!(holder.function.as_deref(), Some("a::load"));
        assert_eq!(holder.text, "a::load after '12MiB, x' owns 62.1MiB+-5.6MiB");
    }

    #[test]
    fn a_bound_counts_only_where_nothing_exact_is_large() {
        let line = |running: &str| {
            format!("threshold=95% running=\"a::f {running}\" not_in_annotated_code=<=90MiB")
        };
        let of = |running| crossing(&line(running)).and_then(|line| line.holder()).expect("one");
        assert_eq!(of("1MiB").function, None);
        assert_eq!(of("60MiB").function.as_deref(), Some("a::f"));
    }
}
