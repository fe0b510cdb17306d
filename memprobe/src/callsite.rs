//! Places in the program that write events: who wants them, and how often.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use tracing::callsite::{self, Identifier};
use tracing::field::{FieldSet, Value};
use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};
use tracing::metadata::Kind;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata};

use crate::meter::Quiet;

/// A place in the program that writes events, in a static or leaked.
///
/// Hand-built, because `tracing`'s own need a macro at each place and do not tell how many
/// of them are wanted.
pub struct Callsite {
    target: &'static str,
    level: Level,
    file: &'static str,
    line: u32,
    module_path: &'static str,
    fields: &'static [&'static str],
    /// Filled before it is registered: a field set names the callsite it belongs to.
    described: OnceLock<Metadata<'static>>,
    interest: AtomicU8,
}

const UNREGISTERED: u8 = 0;
const REGISTERING: u8 = 1;
const NEVER: u8 = 2;
const SOMETIMES: u8 = 3;
const ALWAYS: u8 = 4;

static REACHED: AtomicUsize = AtomicUsize::new(0);
static WANTED: AtomicUsize = AtomicUsize::new(0);

/// How many callsites were reached so far, and how many of them a subscriber wants.
pub(crate) fn reached_and_wanted() -> (usize, usize) {
    (REACHED.load(Relaxed), WANTED.load(Relaxed))
}

impl Callsite {
    #[doc(hidden)]
    pub const fn new(
        target: &'static str,
        level: Level,
        (file, line, module_path): (&'static str, u32, &'static str),
        fields: &'static [&'static str],
    ) -> Callsite {
        Callsite {
            target,
            level,
            file,
            line,
            module_path,
            fields,
            described: OnceLock::new(),
            interest: AtomicU8::new(UNREGISTERED),
        }
    }

    fn metadata(&'static self) -> &'static Metadata<'static> {
        self.described.get_or_init(|| {
            Metadata::new(
                "memprobe",
                self.target,
                self.level,
                Some(self.file),
                Some(self.line),
                Some(self.module_path),
                FieldSet::new(self.fields, Identifier(self)),
                Kind::EVENT,
            )
        })
    }

    /// Whether anybody may want the event: by the cached interest only, because `enabled`
    /// may not be asked without dispatching (tokio-rs/tracing#2519).
    #[inline]
    pub(crate) fn is_wanted(&'static self) -> bool {
        self.level <= STATIC_MAX_LEVEL
            && ((self.level <= LevelFilter::current() && self.interest() != NEVER)
                || is_bridged(self.level))
    }

    #[inline]
    fn interest(&'static self) -> u8 {
        match self.interest.load(Relaxed) {
            UNREGISTERED => self.register(),
            known => known,
        }
    }

    #[cold]
    fn register(&'static self) -> u8 {
        let _quiet = Quiet::begin();
        self.metadata();
        let first = self.interest.compare_exchange(UNREGISTERED, REGISTERING, Relaxed, Relaxed);
        if first.is_ok() {
            let _ = catch_unwind(AssertUnwindSafe(|| callsite::register(self)));
        }
        self.interest.load(Relaxed)
    }

    /// Writes one event; `values` are those of the callsite's fields, in order. A subscriber
    /// that panics must not take down the function that is measured, least of all while the
    /// program unwinds.
    pub(crate) fn dispatch(&'static self, values: &[Option<&dyn Value>]) {
        let _ = catch_unwind(AssertUnwindSafe(|| {
            let metadata = self.metadata();
            let values = metadata.fields().value_set_all(values);
            let interest = self.interest();
            let enabled = self.level <= LevelFilter::current()
                && interest != NEVER
                && (interest == ALWAYS
                    || tracing::dispatcher::get_default(|current| current.enabled(metadata)));
            if enabled {
                Event::dispatch(metadata, &values);
            }
            tracing::__tracing_log!(self.level, self, &values);
        }));
    }
}

impl callsite::Callsite for Callsite {
    fn set_interest(&self, interest: Interest) {
        let new = if interest.is_never() {
            NEVER
        } else if interest.is_always() {
            ALWAYS
        } else {
            SOMETIMES
        };
        let old = self.interest.swap(new, Relaxed);
        if old <= REGISTERING {
            REACHED.fetch_add(1, Relaxed);
        }
        match (old > NEVER, new > NEVER) {
            (false, true) => WANTED.fetch_add(1, Relaxed),
            (true, false) => WANTED.fetch_sub(1, Relaxed),
            _ => 0,
        };
    }

    fn metadata(&self) -> &Metadata<'_> {
        static UNKNOWN: Callsite = Callsite::new("memprobe", Level::INFO, ("", 0, ""), &[]);
        // Registered callsites are described; nobody else can ask.
        self.described.get().unwrap_or_else(|| UNKNOWN.metadata())
    }
}

impl fmt::Debug for Callsite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callsite").field("target", &self.target).finish_non_exhaustive()
    }
}

/// Whether `tracing` hands its events to `log` and `log` takes this level.
#[allow(unused_variables)]
fn is_bridged(level: Level) -> bool {
    tracing::if_log_enabled! {
        level,
        { tracing::level_to_log!(level) <= tracing::log::max_level() }
        else { false }
    }
}

/// Which events are written: so many a second, with a burst of twice that (the generic cell
/// rate algorithm: one word, the time at which the bucket is full again).
pub(crate) struct Bucket {
    full_at: AtomicU64,
    skipped: AtomicU64,
}

impl Bucket {
    pub const fn new() -> Bucket {
        Bucket { full_at: AtomicU64::new(0), skipped: AtomicU64::new(0) }
    }

    /// Takes one event of `rate` a second (0 for no limit). Gives how many were passed over
    /// before it, or `None` if this one is.
    pub fn take(&self, now: u64, rate: u32) -> Option<u64> {
        const SECOND: u64 = 1_000_000_000;
        if rate == 0 {
            return Some(0);
        }
        let each = SECOND / u64::from(rate);
        let burst = 2 * SECOND;
        let take = |full_at: u64| {
            let next = full_at.max(now) + each;
            (next <= now + burst).then_some(next)
        };
        if self.full_at.fetch_update(Relaxed, Relaxed, take).is_ok() {
            return Some(self.skipped.swap(0, Relaxed));
        }
        self.skipped.fetch_add(1, Relaxed);
        None
    }
}

/// Nanoseconds since memprobe first looked at the clock.
pub(crate) fn clock() -> u64 {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_a_burst_of_twice_its_rate_and_then_its_rate() {
        let bucket = Bucket::new();
        let taken = (0..100).filter(|_| bucket.take(0, 10).is_some()).count();
        assert_eq!(taken, 20);
        assert_eq!(bucket.take(99_999_999, 10), None);
        assert_eq!(bucket.take(100_000_000, 10), Some(81), "tells what it passed over");
        assert_eq!(bucket.take(100_000_000, 10), None);
        assert!((0..1000).all(|_| bucket.take(0, 0) == Some(0)), "0 is no limit");
    }
}
