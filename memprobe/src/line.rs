//! The message of an event: one line that people read.

use std::fmt::{self, Write as _};

use crate::event::Surroundings;
use crate::units::{Scaled, Signed};

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
        let _ = write!(self, "; rss {}", Scaled(rss));
        if let Some(last) = last {
            let _ = write!(self, " ({})", Signed(rss.wrapping_sub(last) as i64));
        }
        if let Some(limit) = around.limit {
            let _ = write!(self, " of {}", Scaled(limit));
        }
        self.percent(rss, around.limit);
    }

    pub fn percent(&mut self, part: u64, limit: Option<u64>) {
        if let Some(limit) = limit.filter(|&limit| limit > 0) {
            let _ = write!(self, " ({}%)", u128::from(part) * 100 / u128::from(limit));
        }
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
        for char in text.chars() {
            let Some(place) = self.bytes.get_mut(self.len) else { return Err(fmt::Error) };
            *place = if char.is_ascii() && !char.is_ascii_control() { char as u8 } else { b'?' };
            self.len += 1;
        }
        Ok(())
    }
}
