//! The line that a watch writes when a mark is crossed: readable, and parsed as `key=value`.
//! Nothing here allocates.

use std::fmt::{self, Display, Write as _};
use std::{ptr, str};

use crate::cgroup::UNLIMITED;
use crate::gauge::Estimate;
use crate::holders::{Group, Kept, Running, most_in};
use crate::marks::Mark;
use crate::record::Record;
use crate::segment::Stage;
use crate::tree::Node;
use crate::units::Scaled;
use crate::{clock, jemalloc, meter};

/// Longest line, bytes: the system writes up to 4096 into a pipe at once.
pub(crate) const LONGEST: usize = 2048;

/// What begins the line on stderr.
const PREFIX: &str = "memprobe: ";

/// Whose allocation it was that crossed a mark.
#[derive(Clone, Copy)]
pub(crate) enum Whose {
    /// Of this thread, and of the innermost call on it.
    Threads,
    /// Of the call that is at a point.
    Calls(&'static Stage),
    /// Nobody knows.
    Nobodys,
}

impl Whose {
    /// The innermost call, and those around it.
    pub fn calls(self) -> [Option<&'static Stage>; CALLERS + 1] {
        let mut calls = [None; CALLERS + 1];
        let mut len = 0;
        if let Whose::Calls(stage) = self {
            calls[0] = Some(stage);
            len = 1;
        }
        if !matches!(self, Whose::Nobodys) {
            for stage in meter::chain().filter_map(Record::stage) {
                // A call that comes to its end is open no more; at other points it is.
                let is_there = len == 1 && calls[0].is_some_and(|there| ptr::eq(there, stage));
                if len < calls.len() && !is_there {
                    calls[len] = Some(stage);
                    len += 1;
                }
            }
        }
        calls
    }
}

/// A mark that was crossed.
pub(crate) struct Crossing<'a> {
    pub mark: &'a Mark,
    pub limit: u64,
    /// The limit before, in the first line after it has changed.
    pub limit_was: Option<u64>,
    pub estimate: Estimate,
    /// Live bytes of jemalloc by a refresh of its figures, where one could be had.
    pub allocated: Option<u64>,
    /// What this thread has asked for, bytes.
    pub asked: Option<u64>,
    pub whose: Whose,
}

/// Callers that are told.
const CALLERS: usize = 7;
/// Functions that are told apart.
const FUNCTIONS: usize = 8;

/// A text of at most [`LONGEST`] bytes. What does not fit whole is left out.
pub(crate) struct Text {
    bytes: [u8; LONGEST],
    len: usize,
    /// Kept free for what closes the text.
    reserve: usize,
}

impl Text {
    /// The line whole, with its end.
    pub fn line(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// What it says.
    pub fn message(&self) -> &str {
        let line = str::from_utf8(self.line()).unwrap_or("");
        line.strip_prefix(PREFIX).unwrap_or(line).trim_end()
    }

    /// Adds all of it or nothing; `false` if there is no room.
    fn add(&mut self, part: impl Display) -> bool {
        let before = self.len;
        let fits = write!(self, "{part}").is_ok();
        if !fits {
            self.len = before;
        }
        fits
    }

    fn figure(&mut self, name: &str, bytes: Option<u64>) {
        if let Some(bytes) = bytes {
            self.add(format_args!(" {name}={}", Tight(bytes)));
        }
    }

    /// A list of what fits, between quotes; left out if there is nothing in it.
    fn list<T: Display>(&mut self, name: &str, items: impl Iterator<Item = T>) {
        let before = self.len;
        self.reserve += 1;
        let mut is_empty = true;
        if self.add(format_args!(" {name}=\"")) {
            for item in items {
                let separator = if is_empty { "" } else { ", " };
                if !self.add(format_args!("{separator}{item}")) {
                    break;
                }
                is_empty = false;
            }
        }
        self.reserve -= 1;
        if is_empty {
            self.len = before;
        } else {
            self.add("\"");
        }
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        let room = LONGEST - self.reserve;
        let place = self.bytes.get_mut(self.len..end).filter(|_| end <= room).ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// Bytes without a space before the unit.
struct Tight(u64);

impl Display for Tight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Unspaced<'a, 'b>(&'a mut fmt::Formatter<'b>);

        impl fmt::Write for Unspaced<'_, '_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                text.split(' ').try_for_each(|part| self.0.write_str(part))
            }
        }
        write!(Unspaced(f), "{}", Scaled(self.0))
    }
}

/// The same with a sign where it is negative.
struct Net(i64);

impl Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}", Tight(self.0.unsigned_abs()))
    }
}

/// A name or a label, without what would end a value.
struct Name<'a>(&'a str);

impl Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| {
            f.write_char(match char {
                '"' => '\'',
                char if char.is_control() => '?',
                char => char,
            })
        })
    }
}

/// Where a call is: in a function, after a label.
struct Place(&'static Stage);

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} after '{}'", Name(self.0.node.site.name()), Name(self.0.after))
    }
}

/// The running calls of a function.
struct Calls {
    group: Group,
    now: u64,
    /// Whether there are figures of bytes.
    counts: bool,
}

impl Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Group { site, after, calls, held, largest, oldest } = self.group;
        write!(f, "{}", Name(site.name()))?;
        if calls > 1 {
            write!(f, " x{calls}")?;
        }
        if self.counts {
            write!(f, " {}", Net(held))?;
        }
        let age = self.now.saturating_sub(oldest) as f64 / 1e9;
        let oldest = if calls > 1 { "oldest " } else { "" };
        write!(f, " ({oldest}{age:.1}s")?;
        if calls > 1 && self.counts {
            write!(f, ", largest {}", Net(largest))?;
        }
        write!(f, ", after '{}')", Name(after))
    }
}

/// An item of a list of two kinds.
enum Either<A, B> {
    Left(A),
    Right(B),
}

impl<A: Display, B: Display> Display for Either<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Either::Left(item) => item.fmt(f),
            Either::Right(item) => item.fmt(f),
        }
    }
}

/// The running calls of all further functions.
#[derive(Clone, Copy)]
struct Others {
    calls: u64,
    held: Option<i64>,
}

impl Display for Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} others", self.calls)?;
        self.held.map_or(Ok(()), |held| write!(f, " {}", Net(held)))
    }
}

/// What the finished calls of a function have kept.
struct FinishedCalls {
    node: &'static Node,
    bytes: i64,
    /// It cannot be more than this.
    most: i64,
}

impl Display for FinishedCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, bytes, most } = *self;
        let bound = if bytes > most { "<=" } else { "" };
        write!(f, "{} {bound}{}", Name(node.site.name()), Net(bytes.min(most)))?;
        match most_in(node, bytes) {
            Some(nested) => write!(f, " (most in {})", Name(nested.site.name())),
            None => Ok(()),
        }
    }
}

impl Text {
    /// The line of a crossing.
    pub fn of(crossing: &Crossing<'_>) -> Text {
        let Crossing { mark, limit, limit_was, ref estimate, allocated, asked, whose } = *crossing;
        let counts = jemalloc::is_global();
        let mut text = Text { bytes: [0; LONGEST], len: 0, reserve: 1 };
        text.add(format_args!("{PREFIX}mark={}% limit={}", mark.percent, Tight(limit)));
        match limit_was {
            Some(UNLIMITED) => _ = text.add(" limit_was=none"),
            was => text.figure("limit_was", was),
        }
        text.figure("estimate", Some(estimate.bytes));
        text.figure("rss", estimate.rss);
        text.figure("cgroup", estimate.group);
        text.figure("active", estimate.active);
        if !matches!(whose, Whose::Nobodys) {
            text.figure("asked", asked);
            text.add_calls(whose);
        }
        let running = Running::look();
        text.add_running(&running, counts);
        if counts {
            let live = allocated.or(estimate.active).map(|live| live as i64 - running.held());
            text.add_kept(live, allocated.is_some());
        }
        text.figure("outside_jemalloc", estimate.outside);
        text.figure("outside_process", estimate.beside);
        text.reserve = 0;
        text.add('\n');
        text
    }

    fn add_calls(&mut self, whose: Whose) {
        let calls = whose.calls();
        let Some((Some(innermost), callers)) = calls.split_first() else {
            self.add(" by=\"(not annotated)\"");
            return;
        };
        let function = Name(innermost.node.site.name());
        self.add(format_args!(" by=\"{function}\" after=\"{}\"", Name(innermost.after)));
        self.list("callers", callers.iter().flatten().map(|stage| Place(stage)));
    }

    fn add_running(&mut self, running: &Running, counts: bool) {
        let now = clock::coarse();
        let functions = running.functions().take(FUNCTIONS);
        let functions = functions.map(|group| Either::Left(Calls { group, now, counts }));
        let (calls, held) = running.beyond(FUNCTIONS);
        let others = Others { calls, held: counts.then_some(held) };
        let others = (calls > 0).then_some(Either::Right(others));
        self.list("running", functions.chain(others));
    }

    /// What finished calls have kept, out of the live bytes that no running call holds; those
    /// are more than there are where they are not `exact`.
    fn add_kept(&mut self, left: Option<i64>, exact: bool) {
        let kept = Kept::look();
        // More than there is: what a call gave to its caller was freed where nobody counts.
        let most = left.unwrap_or(i64::MAX).max(0);
        let functions = kept.by_function.iter();
        let functions = functions.map(|(bytes, node)| FinishedCalls { node, bytes, most });
        self.list("kept_by_finished_calls", functions);
        let rest = left.map_or(-1, |left| left.saturating_sub(kept.all));
        if let Ok(rest) = u64::try_from(rest) {
            let bound = if exact { "" } else { "<=" };
            self.add(format_args!(" not_in_annotated_code={bound}{}", Tight(rest)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> Text {
        Text { bytes: [0; LONGEST], len: 0, reserve: 0 }
    }

    #[test]
    fn figures_have_no_space_and_absent_ones_no_place() {
        let mut text = text();
        text.figure("rss", Some(3 << 19));
        text.figure("cgroup", None);
        text.figure("asked", Some(12));
        assert_eq!(text.message(), " rss=1.5MiB asked=12B");
        assert_eq!(Net(-2048).to_string(), "-2KiB");
    }

    #[test]
    fn what_does_not_fit_whole_is_left_out_and_the_list_is_closed() {
        let mut text = text();
        let item = "x".repeat(1000);
        text.list("none", std::iter::empty::<&str>());
        text.list("calls", [&item, &item, &item].into_iter());
        assert_eq!(text.message(), format!(" calls=\"{item}, {item}\""));
        assert!(!text.add(&item), "no room");
        assert!(text.add(" end"), "but for this");
        assert!(text.message().ends_with("\" end"));
    }

    #[test]
    fn a_name_cannot_end_a_value_or_the_line() {
        assert_eq!(Name("a \"b\"\n=c").to_string(), "a 'b'?=c");
    }
}
