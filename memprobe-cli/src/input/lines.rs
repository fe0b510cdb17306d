//! Logs with a line for each event. Lines that cannot be ours are not looked at: a search over
//! whole blocks finds the others.

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use memchr::{memchr, memchr_iter, memrchr};

use crate::input::{BLOCK, LONGEST, One, Sink};
use crate::parse::kill;
use crate::parse::origin::Origin;

/// What each line of ours contains.
pub(super) static OURS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    // What a collector has split or written as bytes may have the rest of it in the next line.
    let split = [
        "memprobe",
        " stdout P ",
        " stderr P ",
        "\"MESSAGE\":[",
        "\"MESSAGE\": [",
        "\"MESSAGE\" : [",
    ];
    let words = split.into_iter().chain(kill::WORDS);
    let search = AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(words);
    search.expect("a few short words")
});

/// Reads whole blocks.
pub(super) fn read<S: Sink>(reader: impl Read, one: &mut One<'_, S>) -> io::Result<u64> {
    blocks(reader, one, false)
}

/// Looks at lines as soon as they are there.
pub(super) fn follow<S: Sink>(reader: impl Read, one: &mut One<'_, S>) -> io::Result<u64> {
    blocks(reader, one, true)
}

fn blocks<S: Sink>(
    mut reader: impl Read,
    one: &mut One<'_, S>,
    is_growing: bool,
) -> io::Result<u64> {
    let mut block = vec![0; BLOCK];
    let (mut filled, mut number) = (0, 0);
    // The rest of a line that is too long is passed over.
    let mut skips = false;
    loop {
        let count = match reader.read(&mut block[filled..]) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        filled += count;
        let is_end = count == 0;
        if !is_end && filled < block.len() && !is_growing {
            continue;
        }
        let whole = match memrchr(b'\n', &block[..filled]) {
            _ if is_end => filled,
            Some(end) => end + 1,
            None if filled < block.len() => continue,
            None if block.len() < LONGEST => {
                block.resize(block.len() * 2, 0);
                continue;
            }
            None => {
                if !skips {
                    let why = "the line is longer than 16 MiB, and was passed over".to_owned();
                    let start = &block[..200];
                    if one.unreadable(number + 1, start, why).is_break() {
                        return Ok(number);
                    }
                }
                (skips, filled) = (true, 0);
                continue;
            }
        };
        let mut lines = &block[..whole];
        if skips {
            let end = memchr(b'\n', lines).map_or(lines.len(), |end| end + 1);
            lines = &lines[end..];
            number += 1;
            skips = false;
        }
        if scan(lines, &mut number, one).is_break() {
            return Ok(number);
        }
        block.copy_within(whole..filled, 0);
        filled -= whole;
        if is_end {
            one.finish(number);
            return Ok(number);
        }
    }
}

/// Looks at the lines of a block that may be ours.
pub(super) fn scan<S: Sink>(
    block: &[u8],
    number: &mut u64,
    one: &mut One<'_, S>,
) -> ControlFlow<()> {
    let mut start = 0;
    while start < block.len() {
        let line_start = if one.parser.waits() {
            start
        } else {
            let Some(found) = OURS.find(&block[start..]) else {
                *number += memchr_iter(b'\n', &block[start..]).count() as u64;
                // The last line of a log may have no line feed.
                *number += u64::from(!block.ends_with(b"\n"));
                return ControlFlow::Continue(());
            };
            let at = start + found.start();
            let line_start = memrchr(b'\n', &block[start..at]).map_or(start, |end| start + end + 1);
            *number += memchr_iter(b'\n', &block[start..line_start]).count() as u64;
            line_start
        };
        let line_end =
            memchr(b'\n', &block[line_start..]).map_or(block.len(), |end| line_start + end);
        *number += 1;
        one.line(*number, &block[line_start..line_end], (Origin::default(), None))?;
        start = line_end + 1;
    }
    ControlFlow::Continue(())
}
