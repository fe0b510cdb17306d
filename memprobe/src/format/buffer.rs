//! A text of limited length on the stack, for code that must not allocate.

use std::fmt;

/// A text of at most `N` bytes. A piece that does not fit is left out whole.
pub(crate) struct Buffer<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Buffer<N> {
    pub const fn new() -> Buffer<N> {
        Buffer { bytes: [0; N], len: 0 }
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or("")
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// Takes back what was written after the text had `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Runs `write`, and takes back all that it wrote if it fails, because half a figure would be
    /// a wrong one. Returns true if it did not fail.
    pub fn whole(&mut self, write: impl FnOnce(&mut Self) -> fmt::Result) -> bool {
        let before = self.len;
        let fits = write(self).is_ok();
        if !fits {
            self.truncate(before);
        }
        fits
    }
}

#[allow(clippy::inline_always, reason = "what is known of a literal is seen when it is compiled")]
impl<const N: usize> fmt::Write for Buffer<N> {
    #[inline(always)]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }

    #[inline(always)]
    fn write_char(&mut self, char: char) -> fmt::Result {
        if !char.is_ascii() {
            return self.write_str(char.encode_utf8(&mut [0; 4]));
        }
        *self.bytes.get_mut(self.len).ok_or(fmt::Error)? = char as u8;
        self.len += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn a_piece_fits_or_is_left_out() {
        let mut buffer = Buffer::<8>::new();
        assert_eq!(buffer.text(), "");
        assert!(buffer.write_str("größe").is_ok(), "seven bytes");
        assert!(buffer.write_str("12").is_err());
        assert!(buffer.write_char('ß').is_err(), "no half of a character");
        assert_eq!(buffer.text(), "größe");
        assert!(buffer.write_char('1').is_ok());
        assert!(buffer.write_char('2').is_err());
        assert!(buffer.write_str("").is_ok());
        assert_eq!((buffer.text(), buffer.len()), ("größe1", 8));
    }

    #[test]
    fn what_fails_is_taken_back_whole() {
        let mut buffer = Buffer::<8>::new();
        assert!(buffer.whole(|buffer| write!(buffer, "{}", 12)));
        assert!(!buffer.whole(|buffer| write!(buffer, " of {}", 345)), "of its parts some would");
        assert_eq!(buffer.text(), "12");
        let is_refused = !buffer.whole(|buffer| {
            assert!(buffer.whole(|buffer| buffer.write_char('ü')));
            Err(fmt::Error)
        });
        assert!(is_refused);
        assert_eq!(buffer.text(), "12", "with what was whole inside it");
        buffer.truncate(5);
        assert_eq!(buffer.text(), "12", "there is nothing to take back");
        buffer.truncate(1);
        assert_eq!(buffer.text(), "1");
    }
}
