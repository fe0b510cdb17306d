//! The part of a log that is looked at: read on as needed, and never longer than [`LONGEST`].

use std::io::{self, Read};

use memchr::memchr;

use crate::input::{BLOCK, LONGEST};

pub(super) struct Window<R> {
    reader: R,
    pub(super) bytes: Vec<u8>,
    /// From here it is kept.
    pub(super) start: usize,
    /// Here it is looked at.
    pub(super) at: usize,
    /// To here it was read.
    end: usize,
    /// What is kept was longer than a window: its start is gone.
    pub(super) is_long: bool,
    /// The log ends for now where the window is full, and nothing of it is given up.
    pub(super) is_whole: bool,
}

impl<R: Read> Window<R> {
    pub(super) fn new(reader: R) -> Window<R> {
        let bytes = vec![0; BLOCK];
        Window { reader, bytes, start: 0, at: 0, end: 0, is_long: false, is_whole: false }
    }

    /// Returns the byte that is looked at; `None` at the end of the log.
    #[inline]
    pub(super) fn peek(&mut self) -> io::Result<Option<u8>> {
        if self.at == self.end && !self.more()? {
            return Ok(None);
        }
        Ok(Some(self.bytes[self.at]))
    }

    /// Moves to what `find` finds. Returns `false` at the end of the log.
    #[inline]
    pub(super) fn find(&mut self, find: impl Fn(&[u8]) -> Option<usize>) -> io::Result<bool> {
        loop {
            if let Some(found) = find(&self.bytes[self.at..self.end]) {
                self.at += found;
                return Ok(true);
            }
            self.at = self.end;
            if !self.more()? {
                return Ok(false);
            }
        }
    }

    /// Returns what was kept, and keeps from here. `None` if its start is gone.
    pub(super) fn take(&mut self) -> Option<&[u8]> {
        let taken = &self.bytes[self.start..self.at];
        self.start = self.at;
        (!std::mem::take(&mut self.is_long)).then_some(taken)
    }

    /// Returns the first line of what is kept, and keeps what is behind it. `None` if it is longer
    /// than a window.
    pub(super) fn take_line(&mut self) -> io::Result<Option<&[u8]>> {
        self.at = self.start;
        self.is_whole = false;
        if self.find(|bytes| memchr(b'\n', bytes))? {
            self.at += 1;
        }
        self.is_whole = true;
        Ok(self.take())
    }

    /// Whether as much is kept as may be.
    pub(super) fn is_full(&self) -> bool {
        self.at - self.start >= LONGEST
    }

    fn more(&mut self) -> io::Result<bool> {
        if self.is_full() {
            if self.is_whole {
                return Ok(false);
            }
            (self.start, self.is_long) = (self.at, true);
        }
        self.bytes.copy_within(self.start..self.end, 0);
        (self.at, self.end) = (self.at - self.start, self.end - self.start);
        self.start = 0;
        if self.end == self.bytes.len() {
            self.bytes.resize(2 * self.end, 0);
        }
        loop {
            match self.reader.read(&mut self.bytes[self.end..]) {
                Ok(count) => {
                    self.end += count;
                    return Ok(count > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
