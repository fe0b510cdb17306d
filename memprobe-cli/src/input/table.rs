//! The CSV that CloudWatch's console exports: a column for the time, and one for the message.

use std::io::{self, Read};

use crate::input::{Extent, One, Sink};
use crate::parse::origin::{self, Origin};

/// Whether a log begins with the header of such a table.
pub(super) fn is_one(start: &[u8]) -> bool {
    let header = start.split(|&byte| byte == b'\n').next().unwrap_or(start);
    let header = header.strip_prefix(b"\xef\xbb\xbf").unwrap_or(header);
    let is_message = |name: &[u8]| {
        let name = name.strip_suffix(b"\r").unwrap_or(name);
        let name =
            name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\"")).unwrap_or(name);
        matches!(name, b"message" | b"@message")
    };
    let mut names = header.split(|&byte| byte == b',');
    names.clone().count() > 1 && names.any(is_message)
}

pub(super) fn read<S: Sink>(reader: impl Read, one: &mut One<'_, S>) -> io::Result<Extent> {
    let mut table = csv::ReaderBuilder::new().flexible(true).from_reader(reader);
    let header = table.byte_headers()?.clone();
    let column = |names: &[&str]| {
        header.iter().position(|name| {
            names
                .iter()
                .any(|other| name.strip_prefix(b"\xef\xbb\xbf").unwrap_or(name) == other.as_bytes())
        })
    };
    let message = column(&["message", "@message"]).unwrap_or(1);
    let stream = column(&["logStreamName", "@logStream", "logStream"]);
    let mut read = Extent { lines: 1, ..Extent::default() };
    let mut record = csv::ByteRecord::new();
    while table.read_byte_record(&mut record)? {
        // Where the record begins: a message may have several lines.
        read.lines = record.position().map_or(read.lines + 1, csv::Position::line);
        let mut origin = Origin::default();
        if let Some(stream) = stream.and_then(|at| record.get(at)) {
            let stream = String::from_utf8_lossy(stream);
            origin.set("logStreamName", &stream);
            if let Some(version) = origin::lambda_version(&stream) {
                origin.set("version", version);
            }
        }
        let message = record.get(message).unwrap_or(b"");
        for line in message.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            if one.line(read.lines, line, (origin, None)).is_break() {
                return Ok(read);
            }
        }
    }
    read.bytes = table.position().byte();
    one.finish(read.lines);
    Ok(read)
}
