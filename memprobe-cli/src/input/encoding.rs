//! Logs in UTF-16, as Windows' PowerShell writes them.

use std::io::{self, Read};

const BLOCK: usize = 16 << 10;

/// Reads UTF-16 as UTF-8.
pub(super) struct Utf16<R> {
    reader: R,
    unit: fn([u8; 2]) -> u16,
    /// What was read, and how much of it waits for the rest of a character.
    bytes: Vec<u8>,
    waits: usize,
    /// What was decoded, and how much of it was passed on.
    text: String,
    passed: usize,
}

impl<R: Read> Utf16<R> {
    pub(super) fn new(reader: R, is_big_endian: bool) -> Utf16<R> {
        let unit = if is_big_endian { u16::from_be_bytes } else { u16::from_le_bytes };
        Utf16 { reader, unit, bytes: vec![0; BLOCK], waits: 0, text: String::new(), passed: 0 }
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.passed == self.text.len() {
            let count = self.reader.read(&mut self.bytes[self.waits..])?;
            if count == 0 {
                return Ok(0);
            }
            let bytes = &self.bytes[..self.waits + count];
            let (pairs, _) = bytes.as_chunks::<2>();
            let units = pairs.iter().map(|&pair| (self.unit)(pair));
            let is_half = units.clone().next_back().is_some_and(|unit| unit & 0xfc00 == 0xd800);
            let whole = pairs.len() - usize::from(is_half);
            let chars = char::decode_utf16(units.take(whole));
            self.text.clear();
            self.text.extend(chars.map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER)));
            self.passed = 0;
            self.waits = bytes.len() - 2 * whole;
            self.bytes.copy_within(2 * whole..2 * whole + self.waits, 0);
        }
        let mut rest = &self.text.as_bytes()[self.passed..];
        let count = rest.read(into)?;
        self.passed += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let most = into.len().min(1);
            self.0.read(&mut into[..most])
        }
    }

    #[test]
    fn a_character_may_come_in_pieces() {
        let text = "memprobe: threshold=95% ünïcödé 🦀\n";
        for (is_big_endian, of) in
            [(false, u16::to_le_bytes as fn(u16) -> [u8; 2]), (true, u16::to_be_bytes)]
        {
            let bytes: Vec<u8> = text.encode_utf16().flat_map(of).collect();
            for reader in [&mut Slow(&bytes) as &mut dyn Read, &mut &bytes[..]] {
                let mut read = String::new();
                Utf16::new(reader, is_big_endian).read_to_string(&mut read).expect("memory");
                assert_eq!(read, text);
            }
        }
    }
}
