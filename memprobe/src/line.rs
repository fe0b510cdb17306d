//! The message of an event: one line that people read.

use std::fmt::{self, Write as _};

use crate::event::Surroundings;
use crate::units::{Scaled, Signed, percent};

pub(crate) use crate::name::short;

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

    pub fn rss(&mut self, around: &Surroundings, last: Option<u64>) {
        let Some(rss) = around.rss else { return };
        if !self.whole(format_args!("; rss {}", Scaled(rss))) {
            return;
        }
        if let Some(last) = last {
            self.whole(format_args!(" ({})", Signed(rss.wrapping_sub(last) as i64)));
        }
        self.of_limit(rss, around.limit);
    }

    /// The RSS now and, held against the limit, the highest so far.
    pub fn rss_and_highest(&mut self, around: &Surroundings, highest: Option<u64>) {
        let (Some(rss), Some(highest)) = (around.rss, highest) else { return };
        self.whole(format_args!("; rss {}", Scaled(rss)));
        if self.whole(format_args!(", highest {}", Scaled(highest))) {
            self.of_limit(highest, around.limit);
        }
    }

    fn of_limit(&mut self, part: u64, limit: Option<u64>) {
        let percent = limit.and_then(|limit| Some((limit, percent(part, limit)?)));
        if let Some((limit, percent)) = percent {
            self.whole(format_args!(" of {} ({percent}%)", Scaled(limit)));
        }
    }

    /// Writes all of it or, without room for all, nothing: half a figure is a wrong one.
    fn whole(&mut self, text: fmt::Arguments<'_>) -> bool {
        let start = self.len;
        let fits = self.write_fmt(text).is_ok();
        if !fits {
            self.len = start;
        }
        fits
    }

    pub fn holds(&mut self, held: i64) {
        let sign = if held < 0 { "-" } else { "" };
        let _ = write!(self, "{sign}{}", Scaled(held.unsigned_abs()));
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
        if text.chars().count() <= most {
            let _ = self.write_str(text);
            return;
        }
        let kept: usize = text.chars().take(most - 2).map(char::len_utf8).sum();
        let _ = self.write_str(&text[..kept]);
        let _ = self.write_str("..");
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let place = self.bytes.get_mut(self.len..self.len + text.len());
        let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if let Some(place) = place.filter(|_| is_plain) {
            place.copy_from_slice(text.as_bytes());
            self.len += text.len();
            return Ok(());
        }
        for char in text.chars() {
            let Some(place) = self.bytes.get_mut(self.len) else { return Err(fmt::Error) };
            *place = if char.is_ascii() && !char.is_ascii_control() { char as u8 } else { b'?' };
            self.len += 1;
        }
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
