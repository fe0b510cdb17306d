//! The message of an event: one line for people.

use std::fmt::{self, Write as _};

use crate::format::name::short;
use crate::format::units::{HumanBytes, Net, SignedBytes, percent};
use crate::runtime::events::figures::{ProcessSnapshot, SegmentFigures};
use crate::runtime::readings::limit::Standing;

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

    /// Writes a function's name, shortened.
    pub fn name(&mut self, function: &str) {
        let _ = short(function).write(self);
    }

    /// Writes the figures of a segment.
    pub fn reading(&mut self, reading: &SegmentFigures) {
        let _ = self.figure(": peak +", &HumanBytes(reading.peak));
        let _ = self.write_str(", kept ");
        let _ = SignedBytes(reading.net()).write(self);
        let _ = self.write_str(", holds ");
        let _ = Net(reading.held).write(self);
    }

    pub fn rss(&mut self, around: &ProcessSnapshot, last: Option<u64>) {
        let Some(rss) = around.rss else { return };
        if !self.whole(|line| line.figure("; rss ", &HumanBytes(rss))) {
            return;
        }
        if let Some(last) = last {
            self.whole(|line| {
                line.write_str(" (")?;
                SignedBytes(rss.wrapping_sub(last) as i64).write(line)?;
                line.write_char(')')
            });
        }
        self.against_limit(rss, &around.standing);
    }

    /// Writes the RSS now and the highest so far, and the memory counted against the limit.
    pub fn rss_and_highest(&mut self, around: &ProcessSnapshot, highest: Option<u64>) {
        let (Some(rss), Some(highest)) = (around.rss, highest) else { return };
        self.whole(|line| line.figure("; rss ", &HumanBytes(rss)));
        if around.standing.is_cgroups {
            // A cgroup's limit applies to its usage, so the highest RSS stands apart from it.
            self.against_limit(rss, &around.standing);
            self.whole(|line| line.figure(", highest rss ", &HumanBytes(highest)));
        } else if self.whole(|line| line.figure(", highest ", &HumanBytes(highest))) {
            self.against_limit(highest, &around.standing);
        }
    }

    /// Writes the limit behind RSS or, if a cgroup sets it, behind the cgroup's usage.
    fn against_limit(&mut self, rss: u64, standing: &Standing) {
        let Some(limit) = standing.limit else { return };
        if !standing.is_cgroups {
            self.of_limit(rss, limit);
        } else if let Some(usage) = standing.usage {
            let is_whole = self.whole(|line| {
                line.figure(", cgroup ", &HumanBytes(usage))?;
                line.part(usage, limit)
            });
            if let Some(percent) = percent(usage, limit).filter(|_| !is_whole) {
                self.whole(|line| write!(line, ", cgroup {percent}%"));
            }
        }
    }

    fn of_limit(&mut self, part: u64, limit: u64) {
        self.whole(|line| line.part(part, limit));
    }

    fn part(&mut self, part: u64, limit: u64) -> fmt::Result {
        let percent = percent(part, limit).ok_or(fmt::Error)?;
        self.figure(" of ", &HumanBytes(limit))?;
        write!(self, " ({percent}%)")
    }

    #[inline]
    fn figure(&mut self, before: &str, bytes: &HumanBytes) -> fmt::Result {
        self.write_str(before)?;
        bytes.write(self)
    }

    /// Runs `write` and takes its text back if there was no room for all of it: half a figure
    /// would be a wrong one. Returns true if it had room.
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

    /// Writes a label, clipped to leave room for the figures. The field `label` has all of it.
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
            line.of_limit(100 << 20, 512 << 20);
            let text = &line.bytes[140 - room..line.len];
            let expected = if room < 19 { "" } else { " of 512.0 MiB (19%)" };
            assert_eq!(std::str::from_utf8(text), Ok(expected));
        }
    }

    fn end_of(room: usize, standing: &Standing) -> String {
        let mut line = Line { bytes: [b'.'; 140], len: 140 - room };
        line.against_limit(258 << 20, standing);
        String::from_utf8(line.bytes[140 - room..line.len].to_vec()).expect("ASCII")
    }

    #[test]
    fn against_the_limit_of_a_cgroup_stands_its_usage_and_never_rss() {
        let limit = Some(256 << 20);
        let usage = Some(248 << 20);
        let mut standing = Standing { limit, is_cgroups: true, usage };
        for room in 0..60 {
            let expected = match room {
                0..12 => "",
                12..37 => ", cgroup 96%",
                _ => ", cgroup 248.0 MiB of 256.0 MiB (96%)",
            };
            assert_eq!(end_of(room, &standing), expected, "{room}");
        }
        standing.usage = None;
        assert_eq!(end_of(140, &standing), "", "a figure that cannot be had is left out");
        standing.is_cgroups = false;
        assert_eq!(end_of(140, &standing), " of 256.0 MiB (100%)");
        standing.limit = None;
        assert_eq!(end_of(140, &standing), "");
    }
}
