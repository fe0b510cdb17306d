//! Who owns the live memory, as a value: the owners, and what they own of the memory that is live
//! now.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use crate::format::units::{HumanBytes, percent};
use crate::report::symbols::{self, Frame};
use crate::report::verdicts::Path;

/// Who owns the memory that is live now, returned by [`live`](crate::live()) and part of a
/// [`Report`](crate::Report).
///
/// The figures are estimates: jemalloc samples one allocation for each [`interval`](Live::interval)
/// bytes on average, and memprobe notes in which call that was. A sampled block stands for
/// `size / (1 − e^(−size / interval))` bytes. Blocks far larger than the interval are practically
/// always sampled, and so nearly exact.
///
/// # Examples
///
/// ```
/// match memprobe::live() {
///     Ok(live) => {
///         for owner in live.owners.iter().take(5) {
///             println!("{owner}");
///         }
///     }
///     Err(why) => println!("{why}"),
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Live {
    /// The owners; the one that owns the most comes first. An owner whose memory has been freed
    /// since the last point of the history is listed as well, and owns nothing.
    pub owners: Vec<Owner>,
    /// All live memory that was allocated since sampling began.
    pub total: Estimate,
    /// Mean number of bytes from one sample to the next.
    pub interval: u64,
    /// Whether new allocations are being sampled.
    pub active: bool,
    /// How many samples were lost because memprobe's table was full. If it is not 0, the figures
    /// are too low.
    pub lost: u64,
}

/// A calling context and a label, and the live memory that was allocated there.
///
/// `Display` prints one line:
///
/// ```text
/// handler › remember after 'parsed': 62.1 MiB ± 5.6 MiB, 61.6 MiB of finished calls
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Owner {
    /// What allocated the memory.
    pub kind: OwnerKind,
    /// The functions from the root of the call tree to the one that allocated; empty unless `kind`
    /// is [`OwnerKind::Call`].
    pub path: Vec<&'static str>,
    /// The label that the call had passed last; `entry` before its first probe, `carried` in work
    /// that was carried out of it. `None` unless `kind` is [`OwnerKind::Call`].
    pub after: Option<&'static str>,
    /// What it owns.
    pub live: Estimate,
    /// The part that was allocated by calls which still run.
    pub running: Estimate,
    /// The part that was allocated by calls which have ended: what they left behind.
    pub finished: Estimate,
    /// Age of the oldest sampled block.
    pub oldest: Option<Age>,
    /// Age that half of the bytes have reached.
    pub median: Option<Age>,
    /// How much more finished calls owned at the end of the history than in the middle of its time;
    /// `None` while the history is too short.
    pub rise: Option<Rise>,
    /// What finished calls owned over time, the oldest first.
    pub history: Vec<LivePoint>,
    /// Where its blocks were allocated, for the part of the samples whose stack was taken; the
    /// stack that owns the most comes first.
    pub stacks: Vec<Stack>,
}

/// What allocated a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OwnerKind {
    /// A call of an annotated function, or work that was carried out of one.
    Call,
    /// Code outside any call of an annotated function.
    NotAnnotated,
    /// memprobe itself, or the subscriber while it wrote an event.
    Memprobe,
}

/// An estimate of live bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Estimate {
    /// Estimated bytes.
    pub bytes: u64,
    /// Standard error of `bytes`, in bytes: the truth is within it in about 68 of 100 cases, and
    /// within three times as much in more than 99 of 100 where there are 40 samples or more.
    pub error: u64,
    /// How many sampled blocks it is made from.
    pub samples: u64,
}

impl Estimate {
    /// Whether the estimate is less than twice its standard error, so that it says only that there
    /// is something: it is made from fewer than four samples of small blocks.
    pub fn is_rough(&self) -> bool {
        self.bytes < self.error.saturating_mul(2)
    }

    /// Returns its share of a total as text; a rough estimate has none.
    pub(crate) fn share_of(self, total: Estimate) -> Option<String> {
        let percent = percent(self.bytes, total.bytes).filter(|_| !self.is_rough())?;
        Some(if percent == 0 { "<1%".to_owned() } else { format!("{percent}%") })
    }

    /// Returns the estimate for both together. Variances add up, errors do not.
    pub(crate) fn plus(self, other: Estimate) -> Estimate {
        Estimate {
            bytes: self.bytes.saturating_add(other.bytes),
            error: (self.error as f64).hypot(other.error as f64).round() as u64,
            samples: self.samples + other.samples,
        }
    }
}

/// How long ago a block was allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Age {
    /// The time since then, exact to a tick of the kernel.
    pub time: Duration,
    /// About how many calls of the owner have ended since then; `None` where that is not known.
    pub calls: Option<u64>,
}

/// How much more memory the finished calls of an owner own than some time ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rise {
    /// The time over which it is measured: the latter half of the history.
    pub time: Duration,
    /// What they owned at the end of that time.
    pub owned: Estimate,
    /// Bytes owned at its end less bytes owned at its start.
    pub bytes: i64,
    /// Standard error of `bytes`.
    pub error: u64,
    /// How many calls of the owner ended meanwhile; `None` where that is not known.
    pub calls: Option<u64>,
    /// Median of the slopes between points of the latter half of the history, in bytes a second.
    pub per_second: i64,
    /// The same median for the last quarter of the history, in bytes a second.
    pub recent_per_second: i64,
}

/// What the finished calls of an owner owned at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LivePoint {
    /// Age of the process, in µs.
    pub uptime_us: u64,
    /// Estimated bytes.
    pub bytes: u64,
}

/// A stack from which an owner allocated live memory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stack {
    /// What is live of the sampled blocks with this stack. Stacks are taken for a part of the
    /// samples, so these bytes are a part of the owner's.
    pub live: Estimate,
    /// Return addresses, the innermost first.
    pub addresses: Vec<usize>,
}

impl OwnerKind {
    /// Returns the kind as a word for programs.
    #[cfg(feature = "serde")]
    pub(crate) fn key(self) -> &'static str {
        match self {
            OwnerKind::Call => "call",
            OwnerKind::NotAnnotated => "not_annotated",
            OwnerKind::Memprobe => "memprobe",
        }
    }
}

impl Live {
    /// Returns the owners of what is live: others have a history only.
    pub(crate) fn present(&self) -> &[Owner] {
        let count = self.owners.partition_point(|owner| owner.live.samples > 0);
        &self.owners[..count]
    }
}

impl Owner {
    /// Returns the name for a row: the path of the call and its label, or what else it is.
    pub fn name(&self) -> String {
        let name = match self.kind {
            OwnerKind::Call => Path(&self.path).to_string(),
            OwnerKind::NotAnnotated => "not annotated".to_owned(),
            OwnerKind::Memprobe => "memprobe and the subscriber".to_owned(),
        };
        match self.after {
            Some(after) => format!("{name} after '{after}'"),
            None => name,
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.live)?;
        if self.finished.samples > 0 && self.running.samples > 0 {
            write!(f, ", {} of finished calls", HumanBytes(self.finished.bytes))?;
        }
        Ok(())
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ± {}", HumanBytes(self.bytes), HumanBytes(self.error))
    }
}

impl Stack {
    /// Finds the functions and the lines of code of this stack, the innermost first, without those
    /// of the allocator. An inlined function is a frame of its own.
    ///
    /// With the feature `symbols` or `pprof` this reads the program's debug information, which can take a
    /// second and tens of MiB the first time.
    pub fn frames(&self) -> Vec<Frame> {
        let mut frames = Vec::new();
        let mut find = || frames = symbols::frames(&self.addresses);
        match APART.get() {
            Some(apart) => apart(&mut find),
            None => find(),
        }
        frames
    }

    /// Returns the innermost frame that is not in the standard library, or else the innermost one.
    pub fn culprit(&self) -> Option<Frame> {
        let mut frames = self.frames();
        let at = Frame::culprit(&frames)?;
        Some(frames.swap_remove(at))
    }
}

/// Runs work whose allocations are memprobe's own. Set by the runtime, which this module does not
/// know: what symbols take must not be shown as the program's.
pub(crate) static APART: OnceLock<fn(&mut dyn FnMut())> = OnceLock::new();

#[cfg(all(test, feature = "enabled"))]
mod tests {
    use super::*;
    use crate::report::sample_reports::KIB;

    #[test]
    fn of_two_estimates_the_variances_add_up() {
        let estimate = |bytes, error, samples| Estimate { bytes, error, samples };
        assert_eq!(estimate(100, 3, 2).plus(estimate(50, 4, 1)), estimate(150, 5, 3));
        assert_eq!(Estimate::default().plus(estimate(50, 4, 1)), estimate(50, 4, 1));
    }

    #[test]
    fn a_few_small_blocks_are_a_rough_estimate() {
        // A block of 64 B stands for 512 KiB, and its variance is nearly the square of that.
        let of = |samples: u64| Estimate {
            bytes: samples * 512 * KIB,
            error: (samples as f64).sqrt() as u64 * 512 * KIB - 16,
            samples,
        };
        assert!(of(1).is_rough());
        assert!(!of(4).is_rough());
        assert!(!Estimate { bytes: 16 << 20, error: 0, samples: 1 }.is_rough(), "a large block");
    }
}
