//! Logs in documents of JSON: what CloudWatch's `filter-log-events` and Loki's API answer, and what
//! `jq` has printed with line breaks. Of an answer one event is held at a time, and never the whole.
//!
//! Where the objects begin and end is found here, and what they have is read elsewhere. What is no
//! JSON is read by lines, so that nothing is lost where a log only begins with a document.

use std::io::{self, Read};
use std::ops::ControlFlow;

use memchr::{memchr, memchr_iter, memchr3, memmem};
use serde_json::Value;

use crate::input::fields::{self, Told};
use crate::input::lines;
use crate::input::window::Window;
use crate::input::{One, Sink};

/// An answer has its events no deeper than this.
const DEPTH: usize = 8;
/// The parser of objects goes no deeper.
const DEEPEST: usize = 127;

const LONG: &str = "a value of JSON is longer than 16 MiB, and was passed over";

/// Whether a log is such a document: its first line is an answer, or has only the start of a value.
/// A log with an object in each line is none.
pub(super) fn is_one(start: &[u8]) -> bool {
    let line = start.trim_ascii_start();
    matches!(line.first(), Some(b'{' | b'['))
        && matches!(value(&mut Window::new(line), 0, &mut Vec::new()), Ok(Part::Answer | Part::Cut))
}

pub(super) fn read<S: Sink>(reader: impl Read, one: &mut One<'_, S>) -> io::Result<u64> {
    let window = Window::new(reader);
    let mut document =
        Document { window, one, answer: Vec::new(), lines: 0, is_in_line: false, events: 0 };
    while document.step()?.is_continue() {}
    let Document { lines, is_in_line, events, .. } = document;
    let number = if events > 0 { events } else { lines + u64::from(is_in_line) };
    one.finish(number);
    Ok(number)
}

/// What was found of a value.
enum Part {
    Whole,
    /// It is an answer: the first event of its list begins here.
    Answer,
    /// It is no JSON.
    Broken,
    /// The log ends before it does.
    Cut,
}

/// Moves behind the value that begins here, or to the first event of an answer; `open` has then the
/// brackets that are open. `depth` is how many are open around it.
fn value<R: Read>(window: &mut Window<R>, depth: usize, open: &mut Vec<u8>) -> io::Result<Part> {
    let (mut before, mut is_named, mut is_list) = (0, false, false);
    while let Some(byte) = window.peek()? {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {
                window.at += 1;
                continue;
            }
            b'{' | b'[' => {
                let is_first = before == b'[';
                if is_first && is_list && depth + open.len() <= DEPTH && !window.is_long {
                    return Ok(Part::Answer);
                }
                let (fits, names) = match open.last() {
                    None => (true, depth == 0),
                    Some(b'{') => (before == b':', is_named),
                    Some(_) => (is_first || before == b',', false),
                };
                if !fits || open.len() == DEEPEST {
                    return Ok(Part::Broken);
                }
                is_list = byte == b'[' && names;
                open.push(byte);
            }
            b'}' | b']' => {
                if open.pop() != Some(opening(byte)) {
                    return Ok(Part::Broken);
                }
                if open.is_empty() {
                    window.at += 1;
                    return Ok(Part::Whole);
                }
            }
            b'"' if matches!(before, b'{' | b'[' | b',' | b':') => {
                let from = window.at + 1 - window.start;
                match string(window)? {
                    Part::Whole => {}
                    other => return Ok(other),
                }
                is_named = window.bytes.get(window.start + from..window.at).is_some_and(has_events);
            }
            b':' if before == b'"' => {}
            b',' => {}
            _ if is_scalar(byte) => {}
            _ => return Ok(Part::Broken),
        }
        before = byte;
        window.at += 1;
    }
    Ok(Part::Cut)
}

/// Moves to the quote that ends the string which begins here.
fn string<R: Read>(window: &mut Window<R>) -> io::Result<Part> {
    window.at += 1;
    while window.find(|bytes| memchr3(b'"', b'\\', b'\n', bytes))? {
        match window.peek()? {
            Some(b'"') => return Ok(Part::Whole),
            Some(b'\\') => window.at += 1,
            _ => return Ok(Part::Broken),
        }
        match window.peek()? {
            None | Some(b'\n') => {}
            Some(_) => window.at += 1,
        }
    }
    Ok(Part::Cut)
}

fn opening(closing: u8) -> u8 {
    if closing == b'}' { b'{' } else { b'[' }
}

/// Whether it can be part of a number, of `true`, of `false` or of `null`.
fn is_scalar(byte: u8) -> bool {
    byte.is_ascii_digit() || b"+-.Eaeflnrstu".contains(&byte)
}

/// Whether the list of this key has the events of an answer, or what has them.
fn has_events(key: &[u8]) -> bool {
    matches!(
        key,
        b"events"
            | b"logEvents"
            | b"streams"
            | b"result"
            | b"results"
            | b"values"
            | b"hits"
            | b"data"
    )
}

/// Whether a line begins with a key, and has what our events have: it is a piece of one.
fn has_piece(text: &[u8]) -> bool {
    let is_piece = |line: &[u8]| {
        let mut names = memmem::find_iter(line, b"memprobe");
        line.trim_ascii_start().starts_with(b"\"")
            && names.any(|at| matches!(line.get(at + b"memprobe".len()), Some(b'"' | b'\\' | b'=')))
    };
    text.split(|&byte| byte == b'\n').any(is_piece)
}

struct Document<'d, 's, S, R> {
    window: Window<R>,
    one: &'d mut One<'s, S>,
    /// The brackets of an answer that are open, and what stood before its events.
    answer: Vec<(u8, Told)>,
    /// Lines that have ended, and whether there was something behind the last.
    lines: u64,
    is_in_line: bool,
    /// Events in answers. They count as places, since an answer may be in one line.
    events: u64,
}

impl<S: Sink, R: Read> Document<'_, '_, S, R> {
    /// Reads on: between two values, or between two events of an answer.
    fn step(&mut self) -> io::Result<ControlFlow<()>> {
        let Some(byte) = self.window.peek()? else {
            if !self.answer.is_empty() {
                let why = "the document ends before its end".to_owned();
                let _ = self.one.unreadable(self.events, b"", why);
            }
            return Ok(ControlFlow::Break(()));
        };
        match byte {
            b'\n' => {
                self.window.at += 1;
                self.lines += 1;
                self.is_in_line = false;
                return Ok(self.pass_over());
            }
            b' ' | b'\t' | b'\r' | b',' => self.window.at += 1,
            b'{' | b'[' => return self.value(),
            b'}' | b']' if self.answer.last().is_none_or(|(open, _)| *open == opening(byte)) => {
                self.answer.pop();
                self.window.at += 1;
            }
            _ if self.answer.is_empty() => return self.lines(),
            b'"' => match string(&mut self.window)? {
                Part::Whole => self.window.at += 1,
                _ => return self.lines(),
            },
            b':' => self.window.at += 1,
            _ if is_scalar(byte) => self.window.at += 1,
            _ => return self.lines(),
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Returns the place of what is read next.
    fn place(&self) -> u64 {
        1 + if self.answer.is_empty() { self.lines } else { self.events }
    }

    /// Keeps nothing of what was between two values.
    fn pass_over(&mut self) -> ControlFlow<()> {
        if self.window.take().is_some() {
            return ControlFlow::Continue(());
        }
        self.one.unreadable(self.place(), b"", LONG.to_owned())
    }

    fn value(&mut self) -> io::Result<ControlFlow<()>> {
        if self.pass_over().is_break() {
            return Ok(ControlFlow::Break(()));
        }
        let mut open = Vec::new();
        Ok(match value(&mut self.window, self.answer.len(), &mut open)? {
            Part::Whole => self.whole(),
            Part::Answer => self.answer(&open),
            Part::Broken | Part::Cut => return self.lines(),
        })
    }

    /// Reads a value that has ended.
    fn whole(&mut self) -> ControlFlow<()> {
        let number = self.place();
        let around = self.answer.last().map(|(_, told)| *told);
        self.events += u64::from(around.is_some());
        self.is_in_line = true;
        let Some(text) = self.window.take() else {
            return self.one.unreadable(number, b"", LONG.to_owned());
        };
        let ends = memchr_iter(b'\n', text).count() as u64;
        self.lines += ends;
        if !self.one.may_be_ours(text) {
            return ControlFlow::Continue(());
        }
        match around {
            // A line as others are.
            None if ends == 0 => self.one.line(number, text, Told::default()),
            _ => self.one.value(number, text, around.unwrap_or_default()),
        }
    }

    /// Takes what stands before the events of an answer, as the labels of a stream do.
    fn answer(&mut self, open: &[u8]) -> ControlFlow<()> {
        let number = self.place();
        let mut head = self.window.take().unwrap_or_default().to_owned();
        self.lines += memchr_iter(b'\n', &head).count() as u64;
        head.extend(open.iter().rev().map(|&open| if open == b'{' { b'}' } else { b']' }));
        let mut told = self.answer.last().map_or_else(Told::default, |(_, told)| *told);
        if let Ok(Value::Object(fields)) = serde_json::from_slice(&head) {
            told = fields::told(&fields, told);
            if self.one.may_be_ours(&head) {
                self.one.strings(number, &Value::Object(fields), told)?;
            }
        }
        self.answer.extend(open.iter().map(|&open| (open, told)));
        ControlFlow::Continue(())
    }

    /// Reads by lines what is no JSON, to the end of the line.
    fn lines(&mut self) -> io::Result<ControlFlow<()>> {
        if self.window.find(|bytes| memchr(b'\n', bytes))? {
            self.window.at += 1;
        }
        let number = self.place();
        let is_answer = !self.answer.is_empty();
        self.answer.clear();
        self.is_in_line = false;
        let Some(text) = self.window.take() else {
            self.lines += 1;
            return Ok(self.one.unreadable(number, b"", LONG.to_owned()));
        };
        let before = self.one.found;
        if lines::scan(text, &mut self.lines, self.one).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        if is_answer || self.one.found == before && has_piece(text) {
            let why = "JSON was expected; it is read on by lines".to_owned();
            return Ok(self.one.unreadable(number, text, why));
        }
        Ok(ControlFlow::Continue(()))
    }
}
