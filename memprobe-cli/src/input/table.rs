//! The CSV that CloudWatch's console, its queries and Grafana export: a column for the time, and
//! one for the line. To the crate `csv` a quote without an end takes the rest of the file, whatever
//! its size.

use std::io::{self, Read};
use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr2};
use serde_json::{Map, Value};

use crate::input::fields::{self, Told};
use crate::input::lines;
use crate::input::window::Window;
use crate::input::{One, Sink};
use crate::parse::Found;

/// Whether a log begins with the header of such a table.
pub(super) fn is_one(start: &[u8]) -> bool {
    let header = start.split(|&byte| byte == b'\n').next().unwrap_or(start);
    let names = header.split(|&byte| byte == b',').map(|name| plain(name).to_ascii_lowercase());
    let names: Vec<String> = names.collect();
    let has = |known: &[&str]| names.iter().any(|name| known.contains(&name.trim()));
    names == ["@message"]
        || names.len() > 1
            && (has(&["message", "@message"])
                || has(&["line", "log", "value", "content"])
                    && names.iter().any(|name| fields::is_time(name.trim())))
}

pub(super) fn read<S: Sink>(reader: impl Read, one: &mut One<'_, S>) -> io::Result<u64> {
    let mut window = Window::new(reader);
    window.is_whole = true;
    let mut names: Vec<String> = Vec::new();
    let (mut lines, mut fields) = (0, Vec::new());
    while window.peek()?.is_some() {
        let number = lines + 1;
        if !record(&mut window, &mut fields)? {
            let before = one.found;
            let line = window.take_line()?;
            match line {
                Some(line) if lines::scan(line, &mut lines, one).is_break() => return Ok(lines),
                Some(_) => {}
                None => lines += 1,
            }
            let why = "a field in quotes has no end; it is read on behind its line";
            if one.found == before
                && one.unreadable(number, line.unwrap_or(b""), why.to_owned()).is_break()
            {
                return Ok(lines);
            }
            continue;
        }
        let Some(text) = window.take() else { continue };
        lines += memchr_iter(b'\n', text).count().max(1) as u64;
        let columns = fields.iter().map(|field| plain(&text[field.clone()]));
        if names.is_empty() {
            names = columns.map(|name| name.trim().to_owned()).collect();
        } else if one.may_be_ours(text) {
            if str::from_utf8(text).is_err() && one.tell(number, text, Found::NotUtf8).is_break() {
                return Ok(lines);
            }
            let further = (names.len()..).map(|at| at.to_string());
            let row = names.iter().cloned().chain(further).zip(columns.map(Value::String));
            let row = Value::Object(row.collect::<Map<_, _>>());
            if one.strings(number, &row, Told::default()).is_break() {
                return Ok(lines);
            }
        }
    }
    one.finish(lines);
    Ok(lines)
}

/// Moves behind the record that begins here. `fields` has then where they are in it. Returns
/// `false` if a quote has no fellow, or only behind the end of the window.
fn record<R: Read>(window: &mut Window<R>, fields: &mut Vec<Range<usize>>) -> io::Result<bool> {
    fields.clear();
    loop {
        let from = window.at - window.start;
        if window.peek()? == Some(b'"') {
            window.at += 1;
            loop {
                if !window.find(|bytes| memchr(b'"', bytes))? {
                    return Ok(false);
                }
                window.at += 1;
                match window.peek()? {
                    // A quote in the text is doubled.
                    Some(b'"') => window.at += 1,
                    Some(b',' | b'\r' | b'\n') | None => break,
                    Some(_) => return Ok(false),
                }
            }
        }
        let is_last = !window.find(|bytes| memchr2(b',', b'\n', bytes))?;
        fields.push(from..window.at - window.start);
        if is_last {
            return Ok(!window.is_full());
        }
        let is_last = window.peek()? == Some(b'\n');
        window.at += 1;
        if is_last {
            return Ok(true);
        }
    }
}

/// Returns the text of a field.
fn plain(field: &[u8]) -> String {
    let field = field.strip_suffix(b"\r").unwrap_or(field);
    let Some(mut quoted) = field.strip_prefix(b"\"") else {
        return String::from_utf8_lossy(field).into_owned();
    };
    let mut text = Vec::with_capacity(quoted.len());
    // The second of two quotes is left out, and the last.
    while let Some(quote) = memchr(b'"', quoted) {
        let end = (quote + 2).min(quoted.len());
        let kept = if end == quote + 2 { quote + 1 } else { quote };
        text.extend_from_slice(&quoted[..kept]);
        quoted = &quoted[end..];
    }
    text.extend_from_slice(quoted);
    String::from_utf8(text).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_read_without_its_quotes() {
        for (field, text) in [
            ("a", "a"),
            ("a\r", "a"),
            ("", ""),
            ("\"\"", ""),
            ("\"a, b\"", "a, b"),
            ("\"\"\"a\"\" \"\"\"\r", "\"a\" \""),
            ("\"a", "a"),
        ] {
            assert_eq!(plain(field.as_bytes()), text, "{field}");
        }
        assert_eq!(plain(b"\"\xff\""), "\u{fffd}");
    }
}
