//! The message of an event: one line that people read.

use std::fmt::{self, Write as _};

use crate::event::{Reading, Surroundings};
use crate::name::short;
use crate::units::{Net, Scaled, Signed, percent};

/// One line of at most 140 ASCII characters.
pub(crate) struct Line {
    bytes: [u8; 140],
    len: usize,
}

impl Line {
    pub fn new() -> Line {
        Line { bytes: [0; 140], len: 0 }
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or("")
    }

    /// A function's name, in short.
    pub fn name(&mut self, function: &str) {
        let _ = short(function).write(self);
    }

    /// What a segment did.
    pub fn reading(&mut self, reading: &Reading) {
        let _ = self.figure(": peak +", &Scaled(reading.peak));
        let _ = self.write_str(", kept ");
        let _ = Signed(reading.net()).write(self);
        let _ = self.write_str(", holds ");
        let _ = Net(reading.held).write(self);
    }

    pub fn rss(&mut self, around: &Surroundings, last: Option<u64>) {
        let Some(rss) = around.rss else { return };
        if !self.whole(|line| line.figure("; rss ", &Scaled(rss))) {
            return;
        }
        if let Some(last) = last {
            self.whole(|line| {
                line.write_str(" (")?;
                Signed(rss.wrapping_sub(last) as i64).write(line)?;
                line.write_char(')')
            });
        }
        self.of_limit(rss, around.limit);
    }

    /// The RSS now and, held against the limit, the highest so far.
    pub fn rss_and_highest(&mut self, around: &Surroundings, highest: Option<u64>) {
        let (Some(rss), Some(highest)) = (around.rss, highest) else { return };
        self.whole(|line| line.figure("; rss ", &Scaled(rss)));
        if self.whole(|line| line.figure(", highest ", &Scaled(highest))) {
            self.of_limit(highest, around.limit);
        }
    }

    fn of_limit(&mut self, part: u64, limit: Option<u64>) {
        let percent = limit.and_then(|limit| Some((limit, percent(part, limit)?)));
        if let Some((limit, percent)) = percent {
            self.whole(|line| {
                line.figure(" of ", &Scaled(limit))?;
                write!(line, " ({percent}%)")
            });
        }
    }

    #[inline]
    fn figure(&mut self, before: &str, bytes: &Scaled) -> fmt::Result {
        self.write_str(before)?;
        bytes.write(self)
    }

    /// Writes all of it or, without room for all, nothing: half a figure is a wrong one.
    fn whole(&mut self, write: impl FnOnce(&mut Line) -> fmt::Result) -> bool {
        let start = self.len;
        let fits = write(self).is_ok();
        if !fits {
            self.len = start;
        }
        fits
    }

    pub fn segment(&mut self, from: &str, label: &str) {
        self.label(from);
        let _ = self.write_str(" -> ");
        self.label(label);
    }

    /// The field has the label whole; here it must leave room for the figures.
    pub fn label(&mut self, label: &str) {
        self.clipped(label, 18);
    }

    fn clipped(&mut self, text: &str, most: usize) {
        if text.len() <= most || text.chars().count() <= most {
            let _ = self.write_str(text);
            return;
        }
        let kept: usize = text.chars().take(most - 2).map(char::len_utf8).sum();
        let _ = self.write_str(&text[..kept]);
        let _ = self.write_str("..");
    }
}

#[allow(clippy::inline_always, reason = "what is known of a literal is seen when it is compiled")]
impl fmt::Write for Line {
    #[inline(always)]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let place = self.bytes.get_mut(self.len..self.len + text.len());
        let is_plain = text.bytes().fold(true, |all, byte| all & matches!(byte, b' '..=b'~'));
        if let Some(place) = place.filter(|_| is_plain) {
            place.copy_from_slice(text.as_bytes());
            self.len += text.len();
            return Ok(());
        }
        text.chars().try_for_each(|char| self.write_char(char))
    }

    #[inline(always)]
    fn write_char(&mut self, char: char) -> fmt::Result {
        let place = self.bytes.get_mut(self.len).ok_or(fmt::Error)?;
        *place = if char.is_ascii() && !char.is_ascii_control() { char as u8 } else { b'?' };
        self.len += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_without_room_is_left_out() {
        for room in 0..40 {
            let mut line = Line { bytes: [0; 140], len: 140 - room };
            line.of_limit(100 << 20, Some(512 << 20));
            let text = &line.bytes[140 - room..line.len];
            let expected = if room < 19 { "" } else { " of 512.0 MiB (19%)" };
            assert_eq!(std::str::from_utf8(text), Ok(expected));
        }
    }
}
