//! Logs with a line for each event. Lines that cannot be ours are not looked at: a search over
//! whole blocks finds the others.

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use memchr::{memchr, memchr_iter, memrchr};

use crate::input::{Extent, One, Sink};
use crate::parse::kill;
use crate::parse::origin::Origin;

/// Bytes that are searched at once.
const BLOCK: usize = 1 << 20;
/// The longest line that is read; of a longer one it is told that it was passed over.
const LONGEST: usize = 16 << 20;

/// What each line of ours contains.
static OURS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    // What a collector has split or written as bytes may have the rest of it in the next line.
    let split = ["memprobe", " stdout P ", " stderr P ", "\"MESSAGE\":[", "\"MESSAGE\" : ["];
    let words = split.into_iter().chain(kill::WORDS);
    let search = AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(words);
    search.expect("a few short words")
});

/// Reads whole blocks.
pub(super) fn read<S: Sink>(reader: impl Read, one: &mut One<'_, S>) -> io::Result<Extent> {
    blocks(reader, one, false)
}

/// Looks at lines as soon as they are there.
pub(super) fn follow<S: Sink>(reader: impl Read, one: &mut One<'_, S>) -> io::Result<Extent> {
    blocks(reader, one, true)
}

fn blocks<S: Sink>(
    mut reader: impl Read,
    one: &mut One<'_, S>,
    is_growing: bool,
) -> io::Result<Extent> {
    let mut block = vec![0; BLOCK];
    let (mut filled, mut read) = (0, Extent::default());
    // The rest of a line that is too long is passed over.
    let mut skips = false;
    loop {
        let count = match reader.read(&mut block[filled..]) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // A compressed log that was cut. What comes before is as good as ever.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                read.is_cut = true;
                0
            }
            Err(error) => return Err(error),
        };
        read.bytes += count as u64;
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
                    if one.unreadable(read.lines + 1, start, why).is_break() {
                        return Ok(read);
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
            read.lines += 1;
            skips = false;
        }
        if scan(lines, &mut read.lines, one).is_break() {
            return Ok(read);
        }
        block.copy_within(whole..filled, 0);
        filled -= whole;
        if is_end {
            one.finish(read.lines);
            return Ok(read);
        }
    }
}

/// Looks at the lines of a block that may be ours.
fn scan<S: Sink>(block: &[u8], number: &mut u64, one: &mut One<'_, S>) -> ControlFlow<()> {
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
