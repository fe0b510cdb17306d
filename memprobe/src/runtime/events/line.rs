//! The message of an event: one line for people.

use std::fmt::{self, Write as _};

use crate::format::buffer::Buffer;
use crate::format::name::short;
use crate::format::units::{HumanBytes, Net, SignedBytes, percent};
use crate::runtime::events::figures::{ProcessSnapshot, SegmentFigures};
use crate::runtime::readings::limit::Standing;

/// Longest line, in characters.
const LONGEST: usize = 140;

type Text = Buffer<LONGEST>;

/// One line of ASCII characters.
pub(crate) struct Line(Text);

impl Line {
    pub fn new() -> Line {
        Line(Buffer::new())
    }

    pub fn text(&self) -> &str {
        self.0.text()
    }

    /// Writes a function's name, shortened.
    pub fn name(&mut self, function: &str) {
        let _ = short(function).write(self);
    }

    /// Writes the figures of a segment.
    pub fn reading(&mut self, reading: &SegmentFigures) {
        let Line(text) = self;
        let _ = figure(text, ": peak +", &HumanBytes(reading.peak));
        let _ = text.write_str(", kept ");
        let _ = SignedBytes(reading.net()).write(text);
        let _ = text.write_str(", holds ");
        let _ = Net(reading.held).write(text);
    }

    pub fn rss(&mut self, around: &ProcessSnapshot, last: Option<u64>) {
        let Some(rss) = around.rss else { return };
        if !self.0.whole(|text| figure(text, "; rss ", &HumanBytes(rss))) {
            return;
        }
        if let Some(last) = last {
            self.0.whole(|text| {
                text.write_str(" (")?;
                SignedBytes(rss.wrapping_sub(last) as i64).write(text)?;
                text.write_char(')')
            });
        }
        self.against_limit(rss, &around.standing);
    }

    /// Writes the RSS now and the highest so far, and the memory counted against the limit.
    pub fn rss_and_highest(&mut self, around: &ProcessSnapshot, highest: Option<u64>) {
        let (Some(rss), Some(highest)) = (around.rss, highest) else { return };
        self.0.whole(|text| figure(text, "; rss ", &HumanBytes(rss)));
        if around.standing.is_cgroups {
            // A cgroup's limit applies to its usage, so the highest RSS stands apart from it.
            self.against_limit(rss, &around.standing);
            self.0.whole(|text| figure(text, ", highest rss ", &HumanBytes(highest)));
        } else if self.0.whole(|text| figure(text, ", highest ", &HumanBytes(highest))) {
            self.against_limit(highest, &around.standing);
        }
    }

    /// Writes the limit behind RSS or, if a cgroup sets it, behind the cgroup's usage.
    fn against_limit(&mut self, rss: u64, standing: &Standing) {
        let Some(limit) = standing.limit else { return };
        if !standing.is_cgroups {
            self.of_limit(rss, limit);
        } else if let Some(usage) = standing.usage {
            let is_whole = self.0.whole(|text| {
                figure(text, ", cgroup ", &HumanBytes(usage))?;
                part_of(text, usage, limit)
            });
            if let Some(percent) = percent(usage, limit).filter(|_| !is_whole) {
                self.0.whole(|text| write!(text, ", cgroup {percent}%"));
            }
        }
    }

    fn of_limit(&mut self, part: u64, limit: u64) {
        self.0.whole(|text| part_of(text, part, limit));
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

fn part_of(text: &mut Text, part: u64, limit: u64) -> fmt::Result {
    let percent = percent(part, limit).ok_or(fmt::Error)?;
    figure(text, " of ", &HumanBytes(limit))?;
    write!(text, " ({percent}%)")
}

#[inline]
fn figure(text: &mut Text, before: &str, bytes: &HumanBytes) -> fmt::Result {
    text.write_str(before)?;
    bytes.write(text)
}

/// Names and labels may have any characters, and be longer than the line: those that are not
/// printable ASCII become `?`, and those that do not fit are cut off.
#[allow(clippy::inline_always, reason = "what is known of a literal is seen when it is compiled")]
impl fmt::Write for Line {
    #[inline(always)]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let is_plain = text.bytes().fold(true, |all, byte| all & matches!(byte, b' '..=b'~'));
        if is_plain && self.0.write_str(text).is_ok() {
            return Ok(());
        }
        text.chars().try_for_each(|char| self.write_char(char))
    }

    #[inline(always)]
    fn write_char(&mut self, char: char) -> fmt::Result {
        self.0.write_char(if matches!(char, ' '..='~') { char } else { '?' })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_room(room: usize) -> Line {
        let mut line = Line::new();
        (room..LONGEST).for_each(|_| line.write_char('.').expect("there is room"));
        line
    }

    #[test]
    fn a_figure_without_room_is_left_out() {
        for room in 0..40 {
            let mut line = with_room(room);
            line.of_limit(100 << 20, 512 << 20);
            let expected = if room < 19 { "" } else { " of 512.0 MiB (19%)" };
            assert_eq!(&line.text()[LONGEST - room..], expected);
        }
    }

    #[test]
    fn a_name_is_plain_ascii_and_cut_off_where_the_line_ends() {
        let mut line = with_room(6);
        line.label("größe\n!");
        assert_eq!(&line.text()[LONGEST - 6..], "gr??e?");
        let mut line = with_room(4);
        line.name("app::load_all");
        assert_eq!(&line.text()[LONGEST - 4..], "load");
    }

    fn end_of(room: usize, standing: &Standing) -> String {
        let mut line = with_room(room);
        line.against_limit(258 << 20, standing);
        line.text()[LONGEST - room..].to_owned()
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
        assert_eq!(end_of(LONGEST, &standing), "", "a figure that cannot be had is left out");
        standing.is_cgroups = false;
        assert_eq!(end_of(LONGEST, &standing), " of 256.0 MiB (100%)");
        standing.limit = None;
        assert_eq!(end_of(LONGEST, &standing), "");
    }
}
