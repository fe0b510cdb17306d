//! Reads logs: files or standard input, plain or compressed, as lines or as documents.

mod document;
mod lines;
pub mod source;
mod table;

use std::io::{self, BufRead, BufReader, Read};
use std::ops::ControlFlow;

use crate::parse::origin::Origin;
use crate::parse::{Found, Parser};

pub use source::Source;

/// What was found in a log, and where.
#[derive(Clone, Debug)]
pub struct Item {
    /// Counts from 1. In a document of JSON it counts the log events in it.
    pub line: u64,
    pub found: Found,
    /// The start of a line that cannot be read.
    pub text: Option<Box<str>>,
}

/// How much a log had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    pub lines: u64,
    pub bytes: u64,
    /// It is compressed, and its end is missing.
    pub is_cut: bool,
}

/// Passes on what was found; `Break` ends the reading.
pub trait Sink: FnMut(Item) -> ControlFlow<()> {}
impl<F: FnMut(Item) -> ControlFlow<()>> Sink for F {}

/// What compressed files begin with.
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Whether a file that begins so is compressed.
pub fn is_compressed(start: &[u8]) -> bool {
    start.starts_with(&GZIP) || start.starts_with(&ZSTD)
}

/// Reads a whole log.
///
/// # Errors
///
/// Those of reading and of decompression.
pub fn read(reader: impl Read, origin: Origin, sink: &mut impl Sink) -> io::Result<Extent> {
    let mut reader = BufReader::with_capacity(64 << 10, reader);
    let start = reader.fill_buf()?;
    if start.starts_with(&GZIP) {
        return plain(flate2::bufread::MultiGzDecoder::new(reader), origin, sink);
    }
    if start.starts_with(&ZSTD) {
        return plain(zstd::Decoder::with_buffer(reader)?, origin, sink);
    }
    plain(reader, origin, sink)
}

fn plain(reader: impl Read, origin: Origin, sink: &mut impl Sink) -> io::Result<Extent> {
    let mut reader = BufReader::with_capacity(64 << 10, reader);
    let start = reader.fill_buf()?;
    let mut lines = One { parser: Parser::default(), origin, sink };
    if table::is_one(start) {
        return table::read(reader, &mut lines);
    }
    if document::is_one(start) {
        return document::read(reader, &mut lines);
    }
    lines::read(reader, &mut lines)
}

/// Reads a log that grows, line by line as they come. It must be plain, and have a line for each
/// event.
///
/// # Errors
///
/// Those of reading.
pub fn follow(reader: impl Read, origin: Origin, sink: &mut impl Sink) -> io::Result<Extent> {
    lines::follow(reader, &mut One { parser: Parser::default(), origin, sink })
}

/// Reads lines one by one, wherever they come from.
struct One<'s, S> {
    parser: Parser,
    origin: Origin,
    sink: &'s mut S,
}

impl<S: Sink> One<'_, S> {
    /// Reads a line with the origin and the time that a collector tells.
    fn line(
        &mut self,
        number: u64,
        line: &[u8],
        (origin, at): (Origin, Option<i64>),
    ) -> ControlFlow<()> {
        let mut flow = ControlFlow::Continue(());
        let sink = &mut *self.sink;
        self.parser.line(line, (origin.or(self.origin), at), &mut |found| {
            if flow.is_continue() {
                flow = sink(item(number, line, found));
            }
        });
        flow
    }

    fn finish(&mut self, number: u64) {
        let sink = &mut *self.sink;
        self.parser.finish(&mut |found| {
            let _ = sink(item(number, b"", found));
        });
    }

    fn unreadable(&mut self, number: u64, line: &[u8], why: String) -> ControlFlow<()> {
        (self.sink)(item(number, line, Found::Unreadable(why)))
    }
}

fn item(line: u64, text: &[u8], found: Found) -> Item {
    /// Characters that are shown of a line that cannot be read.
    const SHOWN: usize = 160;
    let is_told = matches!(found, Found::Unreadable(_) | Found::NotUtf8) && !text.is_empty();
    let text = is_told.then(|| {
        let start = String::from_utf8_lossy(&text[..text.len().min(4 * SHOWN)]);
        let shown = start.chars().map(|char| if char.is_control() { '·' } else { char });
        shown.take(SHOWN).collect::<String>().into()
    });
    Item { line, found, text }
}
