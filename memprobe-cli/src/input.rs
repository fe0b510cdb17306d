//! Reads logs: files or standard input, plain or compressed, as lines or as documents.

mod document;
mod encoding;
mod fields;
mod lines;
pub mod source;
mod table;
mod window;

use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::ops::ControlFlow;

use crate::names::printable;
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

/// Bytes that are searched at once.
const BLOCK: usize = 1 << 20;
/// The longest line, event of a document or record of a table that is read; of a longer one it is
/// told that it was passed over.
const LONGEST: usize = 16 << 20;

/// Reads a whole log.
///
/// # Errors
///
/// Those of reading and of decompression.
pub fn read(reader: impl Read, origin: Origin, sink: &mut impl Sink) -> io::Result<Extent> {
    let mut reader = BufReader::with_capacity(64 << 10, reader);
    let start = start(&mut reader, 4)?;
    let mut reader = Cursor::new(start).chain(reader);
    let start = reader.get_ref().0.get_ref();
    let mut one = One::new(origin, sink);
    if start.starts_with(&GZIP) {
        return plain(&mut flate2::bufread::MultiGzDecoder::new(reader), &mut one);
    }
    if start.starts_with(&ZSTD) {
        return plain(&mut zstd::Decoder::with_buffer(reader)?, &mut one);
    }
    plain(&mut reader, &mut one)
}

/// Reads a log that is not compressed, or no longer.
fn plain<S: Sink>(reader: &mut dyn Read, one: &mut One<'_, S>) -> io::Result<Extent> {
    let mut counted = Counted { reader, bytes: 0, is_cut: false };
    let mark = start(&mut counted, 3)?;
    let lines = match mark[..] {
        [0xef, 0xbb, 0xbf] => utf8(&mut counted, one)?,
        [a @ (0xff | 0xfe), b @ (0xff | 0xfe), ref rest @ ..] if a != b => {
            utf8(&mut encoding::Utf16::new(rest.chain(&mut counted), a == 0xfe), one)?
        }
        _ => utf8(&mut mark.chain(&mut counted), one)?,
    };
    Ok(Extent { lines, bytes: counted.bytes, is_cut: counted.is_cut })
}

/// Reads a log by what its first line is; returns how many lines it has.
fn utf8<S: Sink>(reader: &mut dyn Read, one: &mut One<'_, S>) -> io::Result<u64> {
    /// What must be seen of a first line that is longer.
    const ENOUGH: u64 = 64 << 10;
    let mut reader = BufReader::with_capacity(64 << 10, reader);
    let mut start = Vec::new();
    while start.trim_ascii_start().is_empty() {
        let mut rest = reader.by_ref().take(ENOUGH - start.len() as u64);
        if rest.read_until(b'\n', &mut start)? == 0 {
            break;
        }
    }
    let (is_table, is_document) = (table::is_one(&start), document::is_one(&start));
    let reader = Cursor::new(start).chain(reader);
    if is_table {
        table::read(reader, one)
    } else if is_document {
        document::read(reader, one)
    } else {
        lines::read(reader, one)
    }
}

/// Reads the first bytes, as far as there are so many.
fn start(reader: &mut impl Read, count: u64) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    reader.take(count).read_to_end(&mut start)?;
    Ok(start)
}

/// Counts the bytes, and ends a compressed log where it is cut: what comes before is as good as
/// ever.
struct Counted<R> {
    reader: R,
    bytes: u64,
    is_cut: bool,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.is_cut {
            return Ok(0);
        }
        let count = match self.reader.read(into) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.is_cut = true;
                0
            }
            read => read?,
        };
        self.bytes += count as u64;
        Ok(count)
    }
}

/// Reads a log that grows, line by line as they come. It must be plain, and have a line for each
/// event.
///
/// # Errors
///
/// Those of reading.
pub fn follow(reader: impl Read, origin: Origin, sink: &mut impl Sink) -> io::Result<Extent> {
    let mut counted = Counted { reader, bytes: 0, is_cut: false };
    let lines = lines::follow(&mut counted, &mut One::new(origin, sink))?;
    Ok(Extent { lines, bytes: counted.bytes, is_cut: counted.is_cut })
}

/// Reads lines one by one, wherever they come from.
struct One<'s, S> {
    parser: Parser,
    origin: Origin,
    sink: &'s mut S,
    /// How much was found.
    found: u64,
}

impl<'s, S: Sink> One<'s, S> {
    fn new(origin: Origin, sink: &'s mut S) -> One<'s, S> {
        One { parser: Parser::default(), origin, sink, found: 0 }
    }

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
            self.found += 1;
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
        self.tell(number, line, Found::Unreadable(why))
    }

    fn tell(&mut self, number: u64, line: &[u8], found: Found) -> ControlFlow<()> {
        (self.sink)(item(number, line, found))
    }
}

fn item(line: u64, text: &[u8], found: Found) -> Item {
    /// Characters that are shown of a line that cannot be read.
    const SHOWN: usize = 160;
    let is_told = matches!(found, Found::Unreadable(_) | Found::NotUtf8) && !text.is_empty();
    let text = is_told.then(|| {
        let start = String::from_utf8_lossy(&text[..text.len().min(4 * SHOWN)]);
        printable(&start).chars().take(SHOWN).collect::<String>().into()
    });
    Item { line, found, text }
}
