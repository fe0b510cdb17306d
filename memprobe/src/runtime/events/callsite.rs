//! Callsites: the places in the program that write events, and whether a subscriber wants them.

#[cfg(feature = "spans")]
use std::cell::Cell;
use std::fmt;
#[cfg(feature = "spans")]
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tracing::callsite::{self, Identifier};
use tracing::field::{FieldSet, Value};
use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};
use tracing::metadata::Kind;
use tracing::span::Id;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata};

use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::sync::OnceLock;
use crate::runtime::sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed};

/// A place in the program that writes events, in a static or leaked.
///
/// It implements `tracing`'s trait by hand, because `tracing`'s own callsites need a macro at
/// each place and do not report how many of them are wanted.
pub struct Callsite {
    target: &'static str,
    level: Level,
    file: &'static str,
    line: u32,
    module_path: &'static str,
    fields: &'static [&'static str],
    /// Filled before the callsite is registered, and not in `new`, because a field set refers to
    /// its callsite.
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

/// Returns how many callsites were reached so far, and how many of them a subscriber wants.
pub(crate) fn reached_and_wanted() -> (usize, usize) {
    (REACHED.load(Relaxed), WANTED.load(Relaxed))
}

/// Returns true if a subscriber or `log` may want any event.
#[inline]
pub(crate) fn anybody_listens() -> bool {
    LevelFilter::current() != LevelFilter::OFF || is_bridged(Level::ERROR)
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

    /// Returns a callsite in the same place whose events have another level.
    pub(crate) const fn at_level(&self, level: Level) -> Callsite {
        let place = (self.file, self.line, self.module_path);
        Callsite::new(self.target, level, place, self.fields)
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

    /// Returns true if a subscriber or `log` may want the event. Uses the cached interest only,
    /// because `enabled` must not be called without dispatching (tokio-rs/tracing#2519).
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
        let _ignored = IgnoreAllocs::begin();
        self.metadata();
        let first = self.interest.compare_exchange(UNREGISTERED, REGISTERING, Relaxed, Relaxed);
        if first.is_ok() {
            let _ = catch_unwind(AssertUnwindSafe(|| callsite::register(self)));
        }
        self.interest.load(Relaxed)
    }

    /// Writes one event; `values` are those of the callsite's fields, in order. Catches a panic
    /// of the subscriber, which must not take down the measured function, least of all while
    /// the program unwinds.
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
                match parent() {
                    Some(span) => Event::child_of(span, metadata, &values),
                    None => Event::dispatch(metadata, &values),
                }
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
        // Only registered callsites are asked, and those are described.
        self.described.get().unwrap_or_else(|| UNKNOWN.metadata())
    }
}

impl fmt::Debug for Callsite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callsite").field("target", &self.target).finish_non_exhaustive()
    }
}

#[cfg(feature = "spans")]
thread_local! {
    /// The id of the span that events are in, where it is not the current one; 0 for none.
    static PARENT: Cell<u64> = const { Cell::new(0) };
}

/// Runs `work`, whose events are in `span` although it is not the current one, or in the current one
/// if it is `None`.
#[cfg(feature = "spans")]
pub(crate) fn inside(span: Option<&Id>, work: impl FnOnce()) {
    let before = PARENT.replace(span.map_or(0, Id::into_u64));
    work();
    PARENT.set(before);
}

#[cfg(feature = "spans")]
fn parent() -> Option<Id> {
    NonZeroU64::new(PARENT.get()).map(Id::from_non_zero_u64)
}

#[cfg(not(feature = "spans"))]
fn parent() -> Option<Id> {
    None
}

/// Returns true if `tracing` forwards its events to `log` and `log` takes this level.
#[allow(unused_variables)]
#[inline]
fn is_bridged(level: Level) -> bool {
    tracing::if_log_enabled! {
        level,
        { tracing::level_to_log!(level) <= tracing::log::max_level() }
        else { false }
    }
}
