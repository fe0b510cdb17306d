//! What tools put before a line that they pass on: where it is from, and when it was written.

use crate::names::{cut, intern};
use crate::parse::origin::Origin;
use crate::parse::time;

/// A line without its prefix, and what the prefix tells.
#[derive(Debug, Default, PartialEq)]
pub struct Split<'a> {
    pub origin: Origin,
    pub at: Option<i64>,
    pub line: &'a str,
}

/// A prefix is not longer than this.
const LONGEST: usize = 200;

/// Splits a line behind its prefix. The time may be the line's own.
pub fn split(text: &str) -> Split<'_> {
    let mut origin = Origin::default();
    // Most lines are JSON.
    if text.starts_with('{') {
        return Split { origin, at: None, line: text };
    }
    let mut line = text;
    if let Some((stream, rest)) = stream(line) {
        (origin.stream, line) = (intern(&stream), rest);
    }
    let (mut at, mut is_utc) = (None, false);
    // docker logs -t, kubectl logs --timestamps.
    if let Some((micros, word, rest)) = time(line) {
        (at, is_utc, line) = (Some(micros), word.ends_with("+00:00"), rest);
    }
    if let Some((of, rest)) = unit(line) {
        return Split { origin: of.or(origin), at, line: rest };
    }
    // aws logs tail: the time, the stream, the line.
    if is_utc
        && let Some((stream, rest)) = line.split_once(' ')
        && stream.contains(['/', '[', '-'])
    {
        origin.set("logStreamName", stream);
        line = rest;
    }
    Split { origin, at, line }
}

/// Splits behind the name of a container.
fn stream(text: &str) -> Option<(String, &str)> {
    // kubectl logs --prefix: `[pod/web-7d/app] …`.
    if let Some(rest) = text.strip_prefix("[pod/") {
        let (pod, line) = rest.split_at(cut(rest, LONGEST).find("] ")?);
        return Some((pod.into(), &line[2..]));
    }
    let (name, rest) = text.split_once(' ').filter(|(name, _)| is_name(name))?;
    // docker compose: `web-1  | …`.
    if let Some(line) = rest.trim_start_matches(' ').strip_prefix("| ") {
        return Some((name.into(), line));
    }
    // stern: `web-7d app …`.
    let (container, line) = rest.split_once(' ').filter(|(name, _)| is_name(name))?;
    let is_level = matches!(container, "trace" | "debug" | "info" | "warn" | "error");
    let is_line = || line.starts_with("{\"") || time(line).is_some();
    (name.contains('-') && !is_level && is_line()).then(|| (format!("{name}/{container}"), line))
}

/// Whether a text is as pods and containers are called.
fn is_name(text: &str) -> bool {
    text.len() < LONGEST
        && text.starts_with(|char: char| char.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Splits behind a full time. Returns it in µs since 1970, and as it was written.
fn time(text: &str) -> Option<(i64, &str, &str)> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let is_full = (19..40).contains(&word.len()) && word.as_bytes()[10] == b'T';
    let micros = if is_full { time::parse(word)? } else { return None };
    Some((micros, word, rest))
}

/// Splits behind the host and the unit of syslog and journalctl, wherever the time is:
/// `Nov 25 14:00:04 web7 app[8521]: …`.
fn unit(text: &str) -> Option<(Origin, &str)> {
    let mut before = "";
    let mut end = 0;
    for word in cut(text, LONGEST).split(' ').take(6) {
        end += word.len() + 1;
        if let Some((unit, pid)) = word.strip_suffix("]:").and_then(|word| word.split_once('[')) {
            let (stream, host, pid) = (intern(unit), intern(before), Some(pid.parse().ok()?));
            let origin = Origin { stream, host, pid, ..Origin::default() };
            return Some((origin, text.get(end..).unwrap_or("")));
        }
        before = word;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tools_put_before_a_line_is_taken_off() {
        let zulu = "2026-11-25T14:00:04.800Z";
        let utc = "2026-11-25T14:00:04.800+00:00";
        let at = time::parse(zulu);
        for (prefix, stream, host, pid, at) in [
            (String::new(), "", "", None, None),
            ("web-1  | ".into(), "web-1", "", None, None),
            (format!("web-1  | {zulu} "), "web-1", "", None, at),
            ("[pod/web-7d/app] ".into(), "web-7d/app", "", None, None),
            (format!("[pod/web-7d/app] {zulu} "), "web-7d/app", "", None, at),
            ("web-7d app ".into(), "web-7d/app", "", None, None),
            (format!("web-7d app {zulu} "), "web-7d/app", "", None, at),
            (format!("{zulu} "), "", "", None, at),
            (format!("{utc} 2026/11/25/[42]8f3c9ab2 "), "2026/11/25/[42]8f3c9ab2", "", None, at),
            (format!("{utc} web-7 app[8521]: "), "app", "web-7", Some(8521), at),
            ("Nov 25 14:00:04 web7 app[8521]: ".into(), "app", "web7", Some(8521), None),
            ("Nov  5 14:00:04 web7 app[8521]: ".into(), "app", "web7", Some(8521), None),
        ] {
            for line in ["{\"a\":1}", "Killed", "", " INFO request: a [b]"] {
                // Of stern's only what is certain is taken.
                if !prefix.ends_with("app ") || line.starts_with('{') {
                    let text = format!("{prefix}{line}");
                    let split = split(&text);
                    let Origin { stream: of, host: on, pid: id, .. } = split.origin;
                    assert_eq!((of, on, id), (stream, host, pid), "{text}");
                    assert_eq!((split.at, split.line), (at, line), "{text}");
                }
            }
        }
        let release = split("2026-11-25T14:00:04+00:00 2026/11/25/[42]8f3c x").origin.release;
        assert_eq!(release, "42");
    }

    #[test]
    fn what_is_no_prefix_stays() {
        for line in [
            "web-1 info {\"a\":1}",
            "a request came {\"a\":1}",
            "| x",
            "[pod/x",
            " INFO app: x | y",
        ] {
            assert_eq!(split(line).line, line);
        }
    }
}
