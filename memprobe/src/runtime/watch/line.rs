//! The line that a watch writes when a threshold is crossed: for people to read, and for programs
//! to parse as `key=value`. Nothing here allocates.

use std::fmt::{self, Display, Write as _};
use std::ptr;

use crate::format::buffer::Buffer;
use crate::format::units::HumanBytes;
use crate::runtime::calls::record::Record;
use crate::runtime::calls::stack;
use crate::runtime::readings::cgroup::UNLIMITED;
use crate::runtime::readings::utc::Utc;
use crate::runtime::readings::{clock, jemalloc};
use crate::runtime::stats::call_tree::{Node, Position};
use crate::runtime::watch::estimator::Estimate;
use crate::runtime::watch::holders::{Group, Running};
use crate::runtime::watch::kept::{Held, Kept, Share, most_in};
use crate::runtime::watch::thresholds::Threshold;

/// Longest line, in bytes. Linux writes up to 4096 bytes into a pipe as one piece.
pub(crate) const LONGEST: usize = 2048;

/// Start of the line on stderr; the event is without it.
const PREFIX: &str = "memprobe: ";

/// What led to the reading that crossed a threshold.
#[derive(Clone, Copy)]
pub(crate) enum Trigger {
    /// An allocation of this thread, in the innermost call on it.
    ThisThread,
    /// A call that has come to a point.
    Call(&'static Position),
    /// The sampling thread: which call allocated is not known.
    Sampler,
}

impl Trigger {
    /// Returns the positions of the innermost call and of those around it.
    pub fn calls(self) -> [Option<&'static Position>; CALLERS + 1] {
        let mut calls = [None; CALLERS + 1];
        let mut len = 0;
        if let Trigger::Call(position) = self {
            calls[0] = Some(position);
            len = 1;
        }
        if !matches!(self, Trigger::Sampler) {
            for position in stack::chain().filter_map(Record::position) {
                // The call at a point is also on the stack, unless the point is its end.
                let is_there = len == 1 && calls[0].is_some_and(|there| ptr::eq(there, position));
                if is_there {
                    continue;
                }
                // Stops at the last place: a recursion may be far deeper.
                let Some(place) = calls.get_mut(len) else { break };
                *place = Some(position);
                len += 1;
            }
        }
        calls
    }
}

/// A threshold that was crossed.
pub(crate) struct Crossing<'a> {
    pub threshold: &'a Threshold,
    pub limit: u64,
    /// The limit before, if it has changed since the last line.
    pub limit_was: Option<u64>,
    pub estimate: Estimate,
    /// jemalloc's `allocated`, if its figures could be refreshed.
    pub allocated: Option<u64>,
    /// What this thread has asked for, in bytes.
    pub asked: Option<u64>,
    pub trigger: Trigger,
}

/// Most callers in a line.
const CALLERS: usize = 7;
/// Most functions with running calls in a line; further calls are summed.
const FUNCTIONS: usize = 8;

/// A text of at most [`LONGEST`] bytes. A part that does not fit whole is left out.
pub(crate) struct Text {
    buffer: Buffer<LONGEST>,
    /// Bytes kept free for a closing quote and the end of the line.
    reserve: usize,
}

impl Text {
    /// Returns the whole line, with its line feed.
    pub fn line(&self) -> &[u8] {
        self.buffer.text().as_bytes()
    }

    /// Returns the line without its prefix and its line feed.
    pub fn message(&self) -> &str {
        let line = self.buffer.text();
        line.strip_prefix(PREFIX).unwrap_or(line).trim_end()
    }

    /// Adds all of `part` or nothing; returns `false` if there is no room.
    pub(super) fn add(&mut self, part: impl Display) -> bool {
        let room = LONGEST - self.reserve;
        self.buffer.whole(|buffer| {
            write!(buffer, "{part}")?;
            if buffer.len() <= room { Ok(()) } else { Err(fmt::Error) }
        })
    }

    fn figure(&mut self, name: &str, bytes: Option<u64>) {
        if let Some(bytes) = bytes {
            self.add(format_args!(" {name}={}", Tight(bytes)));
        }
    }

    /// Adds as many items as fit, between quotes; adds nothing if that is none.
    pub(super) fn list<T: Display>(&mut self, name: &str, items: impl Iterator<Item = T>) {
        let before = self.buffer.len();
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
            self.buffer.truncate(before);
        } else {
            self.add("\"");
        }
    }
}

/// Prints bytes without a space before the unit.
pub(super) struct Tight(pub u64);

impl Display for Tight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Unspaced<'a, 'b>(&'a mut fmt::Formatter<'b>);

        impl fmt::Write for Unspaced<'_, '_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                text.split(' ').try_for_each(|part| self.0.write_str(part))
            }
        }
        write!(Unspaced(f), "{}", HumanBytes(self.0))
    }
}

/// Prints a net like [`Tight`], with a sign if it is negative.
struct Net(i64);

impl Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}", Tight(self.0.unsigned_abs()))
    }
}

/// Prints the text and then the share, or nothing if the share is unknown.
struct Known(&'static str, Share);

impl Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Share::Exact(bytes) => write!(f, "{}{}", self.0, Net(bytes)),
            Share::AtMost(bytes) => write!(f, "{}<={}", self.0, Net(bytes)),
            Share::Unknown => Ok(()),
        }
    }
}

/// Prints a name or a label without the characters that would end a value.
pub(super) struct Name<'a>(pub &'a str);

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

/// Prints a position: the function and the label.
struct Place(&'static Position);

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} after '{}'", Name(self.0.node.site.name()), Name(self.0.after))
    }
}

/// The live memory that calls can hold.
#[derive(Clone, Copy)]
struct Live {
    /// Upper bound, in bytes; `None` if jemalloc is not the global allocator.
    bytes: Option<i64>,
    /// Whether the running calls together have no more than `bytes`.
    fits: bool,
}

impl Live {
    /// Returns what running calls with this `net` hold of it.
    fn share(self, net: i64) -> Share {
        self.bytes.map_or(Share::Unknown, |live| Share::of_running(net, live, self.fits))
    }
}

/// Prints the running calls of a function.
struct Calls {
    group: Group,
    now: u64,
    live: Live,
}

impl Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Group { site, after, calls, held, largest, oldest } = self.group;
        write!(f, "{}", Name(site.name()))?;
        if calls > 1 {
            write!(f, " x{calls}")?;
        }
        write!(f, "{}", Known(" ", self.live.share(held)))?;
        let age = self.now.saturating_sub(oldest) as f64 / 1e9;
        let oldest = if calls > 1 { "oldest " } else { "" };
        write!(f, " ({oldest}{age:.1}s")?;
        if calls > 1 {
            write!(f, "{}", Known(", largest ", self.live.share(largest)))?;
        }
        write!(f, ", after '{}')", Name(after))
    }
}

/// An item of a list that has two kinds.
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

/// Prints the running calls of all further functions.
struct Others {
    calls: u64,
    held: Share,
}

impl Display for Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} others{}", self.calls, Known(" ", self.held))
    }
}

/// Prints what the finished calls of a function have kept.
struct FinishedCalls {
    node: &'static Node,
    share: Share,
    live: i64,
}

impl Display for FinishedCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, share, live } = *self;
        write!(f, "{}{}", Name(node.site.name()), Known(" ", share))?;
        let bytes = match share {
            Share::Exact(bytes) | Share::AtMost(bytes) => bytes,
            Share::Unknown => live,
        };
        match most_in(node, bytes) {
            Some(nested) => write!(f, " (most in {})", Name(nested.site.name())),
            None => Ok(()),
        }
    }
}

impl Text {
    /// Composes the line of a crossing.
    pub fn of(crossing: &Crossing<'_>) -> Text {
        let Crossing { threshold, limit, limit_was, ref estimate, allocated, asked, trigger } =
            *crossing;
        let mut text = Text { buffer: Buffer::new(), reserve: 1 };
        text.add(format_args!("{PREFIX}threshold={}%", threshold.percent));
        if let Some(now) = clock::time_of_day() {
            text.add(format_args!(" at={}", Utc(now)));
        }
        text.add(format_args!(" pid={}", std::process::id()));
        text.figure("limit", Some(limit));
        match limit_was {
            Some(UNLIMITED) => _ = text.add(" limit_was=none"),
            was => text.figure("limit_was", was),
        }
        text.figure("estimate", Some(estimate.bytes));
        text.figure("rss", estimate.rss);
        text.figure("cgroup", estimate.group);
        text.figure("active", estimate.active);
        if !matches!(trigger, Trigger::Sampler) {
            text.figure("asked", asked);
            text.add_calls(trigger);
        }
        #[cfg(feature = "live")]
        let is_owned = text.add_owners();
        #[cfg(not(feature = "live"))]
        let is_owned = false;
        let running = Running::look();
        if jemalloc::is_global() {
            let live = allocated.or(estimate.active).map_or(i64::MAX, |live| live as i64);
            let held = running.held(live);
            text.add_running(&running, Live { bytes: Some(live), fits: held.bytes <= live });
            if !is_owned {
                text.add_kept(live, held, allocated.is_some());
            }
        } else {
            text.add_running(&running, Live { bytes: None, fits: true });
        }
        text.figure("outside_jemalloc", estimate.outside);
        text.figure("outside_process", estimate.beside);
        text.reserve = 0;
        text.add('\n');
        text
    }

    fn add_calls(&mut self, trigger: Trigger) {
        let calls = trigger.calls();
        let Some((Some(innermost), callers)) = calls.split_first() else {
            self.add(" by=\"(not annotated)\"");
            return;
        };
        let function = Name(innermost.node.site.name());
        self.add(format_args!(" by=\"{function}\" after=\"{}\"", Name(innermost.after)));
        self.list("callers", callers.iter().flatten().map(|position| Place(position)));
    }

    fn add_running(&mut self, running: &Running, live: Live) {
        let now = clock::coarse();
        let most = live.bytes.unwrap_or(i64::MAX);
        let functions = running.functions(most).take(FUNCTIONS);
        let functions = functions.map(|group| Either::Left(Calls { group, now, live }));
        let (calls, held) = running.beyond(FUNCTIONS, most);
        let others = Others { calls, held: live.share(held) };
        let others = (calls > 0).then_some(Either::Right(others));
        self.list("running", functions.chain(others));
    }

    /// Adds what finished calls have kept of `live` bytes, which are an upper bound unless
    /// `exact`.
    fn add_kept(&mut self, live: i64, running: Held, exact: bool) {
        let kept = Kept::look(live, running);
        let functions = kept.functions();
        let functions = functions.map(|(share, node)| FinishedCalls { node, share, live });
        self.list("kept_by_finished_calls", functions);
        let rest = kept.rest().filter(|_| live < i64::MAX).map(|rest| match rest {
            Share::Exact(bytes) if !exact => Share::AtMost(bytes),
            rest => rest,
        });
        if let Some(rest) = rest {
            self.add(Known(" not_in_annotated_code=", rest));
        }
    }
}

/// Returns the value of a key in the message of a line, without its quotes.
pub(crate) fn value<'a>(message: &'a str, key: &str) -> Option<&'a str> {
    let mut rest = message;
    while let Some((name, after)) = rest.split_once('=') {
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find(' ').unwrap_or(after.len())),
        };
        if name == key {
            return Some(value);
        }
        rest = after.strip_prefix(' ')?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> Text {
        Text { buffer: Buffer::new(), reserve: 0 }
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
    fn a_value_is_found_by_its_key_alone() {
        let message = "threshold=95% after=\"a pid=7, b='c'\" pid=12 kept=<=3MiB last=\"\"";
        assert_eq!(value(message, "threshold"), Some("95%"));
        assert_eq!(value(message, "pid"), Some("12"));
        assert_eq!(value(message, "kept"), Some("<=3MiB"));
        assert_eq!(value(message, "last"), Some(""));
        assert_eq!(value(message, "b"), None);
        assert_eq!(value("", "threshold"), None);
    }

    #[test]
    fn a_name_cannot_end_a_value_or_the_line() {
        assert_eq!(Name("a \"b\"\n=c").to_string(), "a 'b'?=c");
    }
}
