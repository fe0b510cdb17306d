//! The message of an event: one line that people read.

use std::fmt::{self, Write as _};

use crate::event::Surroundings;
use crate::units::{Scaled, Signed};

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

/// The last part of a function's path, with its type for a method.
pub(crate) fn short(path: &str) -> Short<'_> {
    Short(path)
}

pub(crate) struct Short<'a>(&'a str);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 28;
        let mut parts = self.0.rsplit("::");
        let name = parts.next().unwrap_or(self.0);
        let of = parts.next().filter(|of| {
            let is_type = of.trim_start_matches('<').starts_with(|c: char| c.is_uppercase());
            is_type && of.len() + name.len() + 2 <= MOST
        });
        if let Some(of) = of {
            write!(f, "{}::", of.trim_matches(['<', '>']))?;
        }
        let end = name.char_indices().nth(MOST).map_or(name.len(), |(end, _)| end);
        f.write_str(&name[..end])
    }
}
