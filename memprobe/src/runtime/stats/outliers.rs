//! The calls that are written whatever the rate of their function: those that stand out by their
//! peaks.

use std::sync::Mutex;

use tracing::Level;

use crate::runtime::events::callsite::Callsite;
use crate::runtime::events::ceiling;
use crate::runtime::events::figures::{ExitEvent, Why};
use crate::runtime::events::rate_limit::{Rate, RateLimiter};
use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::sync::OnceLock;
use crate::runtime::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a call of a function must reach to stand out, and the last one that had to wait.
pub(crate) struct Outliers {
    /// Calls with this peak or a higher one are looked at, in bytes. `u64::MAX` while nobody listens.
    looked_at_from: AtomicU64,
    /// The user's bound, in bytes; `u64::MAX` if there is none.
    bound: u64,
    /// The highest peak that was written, in bytes.
    highest: AtomicU64,
    /// The calls that were written because they stood out.
    limiter: RateLimiter,
    /// The highest call that has found no room in the limiter.
    waiting: Mutex<Option<Box<ExitEvent>>>,
    /// The callsite of exits above the bound, made when it is first needed.
    above: OnceLock<&'static Callsite>,
}

/// Calls that stand out are written once a second at most.
const RATE: Rate = Rate::one_a_second_without_burst();

/// Returns the lowest peak that is by a quarter higher than `highest`, in bytes.
fn next_record(highest: u64) -> u64 {
    highest.saturating_add(highest / 4).max(1)
}

impl Outliers {
    pub const fn new(above: Option<u64>) -> Outliers {
        Outliers {
            looked_at_from: AtomicU64::new(u64::MAX),
            bound: match above {
                Some(bound) => bound,
                None => u64::MAX,
            },
            highest: AtomicU64::new(0),
            limiter: RateLimiter::new(),
            waiting: Mutex::new(None),
            above: OnceLock::new(),
        }
    }

    /// Whether a call that peaked at `peak` bytes must be looked at. One compare, at the end of each
    /// call.
    #[inline]
    pub fn may_be(&self, peak: u64) -> bool {
        peak >= self.looked_at_from.load(Relaxed)
    }

    /// Looks at calls from now on, because somebody listens.
    #[inline]
    pub fn listen(&self) {
        if !self.is_listening() && !ceiling::is_off() {
            self.look_at_next();
        }
    }

    fn is_listening(&self) -> bool {
        self.looked_at_from.load(Relaxed) != u64::MAX
    }

    /// Looks at no call any more, because nobody wants to hear of one.
    pub fn stop_listening(&self) {
        self.looked_at_from.store(u64::MAX, Relaxed);
    }

    #[cold]
    fn look_at_next(&self) {
        let from = next_record(self.highest.load(Relaxed)).min(self.bound.saturating_add(1));
        self.looked_at_from.store(from, Relaxed);
    }

    /// Returns why a call that peaked at `peak` bytes stands out, if it does.
    pub fn why(&self, peak: u64) -> Option<Why> {
        if peak > self.bound {
            Some(Why::Above)
        } else if peak >= next_record(self.highest.load(Relaxed)) {
            Some(Why::Highest)
        } else {
            None
        }
    }

    /// Records that a call that peaked at `peak` bytes is written.
    pub fn set_written(&self, peak: u64) {
        if peak > self.highest.load(Relaxed) {
            self.highest.fetch_max(peak, Relaxed);
            if self.is_listening() {
                self.look_at_next();
            }
        }
    }

    /// Returns the callsite that writes the exits of calls above the bound, at `WARN`. `None`
    /// without a bound.
    #[inline]
    pub fn above(&self, exit: &'static Callsite) -> Option<&'static Callsite> {
        if self.bound == u64::MAX { None } else { Some(self.above_callsite(exit)) }
    }

    fn above_callsite(&self, exit: &'static Callsite) -> &'static Callsite {
        self.above.get().copied().unwrap_or_else(|| {
            let _ignored = IgnoreAllocs::begin();
            self.above.get_or_init(|| Box::leak(Box::new(exit.at_level(Level::WARN))))
        })
    }

    /// Takes room for one call that stands out, at `now` by the coarse clock.
    pub fn has_room(&self, now: u64) -> bool {
        self.limiter.has_room(now, RATE)
    }

    /// Keeps the exit of a call that has found no room until there is some, unless one that peaked
    /// higher waits already. Until then every call that has a peak is looked at.
    pub fn wait(&self, exit: Box<ExitEvent>) {
        // Never waits for another thread: both would have come at the same time.
        let Ok(mut waiting) = self.waiting.try_lock() else { return };
        if waiting.as_ref().is_none_or(|other| other.whole.peak < exit.whole.peak) {
            *waiting = Some(exit);
        }
        self.looked_at_from.store(1, Relaxed);
    }

    /// Returns the exit that waits, if there is room for it now.
    pub fn take_waiting(&self, now: u64) -> Option<Box<ExitEvent>> {
        let mut waiting = self.waiting.try_lock().ok()?;
        if waiting.is_none() || !self.has_room(now) {
            return None;
        }
        let exit = waiting.take();
        self.look_at_next();
        exit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_stands_out_by_a_quarter_or_above_the_bound() {
        let outliers = Outliers::new(None);
        assert!(!outliers.may_be(u64::MAX - 1), "nobody listens");
        outliers.listen();
        assert!(!outliers.may_be(0) && outliers.may_be(1));
        assert_eq!(outliers.why(0), None);
        assert_eq!(outliers.why(1000), Some(Why::Highest));
        outliers.set_written(1000);
        assert_eq!(outliers.why(1249), None);
        assert!(!outliers.may_be(1249) && outliers.may_be(1250));
        assert_eq!(outliers.why(1250), Some(Why::Highest));
        outliers.stop_listening();
        outliers.set_written(5000);
        assert!(!outliers.may_be(1 << 40));

        let outliers = Outliers::new(Some(100));
        outliers.listen();
        outliers.set_written(1000);
        assert!(!outliers.may_be(100) && outliers.may_be(101));
        assert_eq!(outliers.why(100), None);
        assert_eq!(outliers.why(101), Some(Why::Above));
        assert_eq!(outliers.why(u64::MAX), Some(Why::Above));
    }
}
