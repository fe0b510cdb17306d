//! The limit of the process as it is now, and the memory counted against it, for events and the
//! watch, which read both often. The limit of a running process changes when its cgroup is
//! resized or the process is moved to another.

use std::fs;
use std::path::Path;

use crate::runtime::readings::budget::{BURST, Budget};
use crate::runtime::readings::cgroup::{Group, Groups, UNLIMITED};
use crate::runtime::readings::clock;
use crate::runtime::readings::thread::IgnoreAllocs;
use crate::runtime::sync::OnceLock;
use crate::runtime::sync::atomic::{
    AtomicU64, AtomicUsize, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed,
};
use crate::runtime::sync::static_ref::StaticRef;

/// Returns Lambda's memory size, in bytes. It takes precedence over the limits of cgroups.
pub(crate) fn lambda() -> Option<u64> {
    static LAMBDA: OnceLock<Option<u64>> = OnceLock::new();
    let size = || lambda_size(&std::env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").ok()?);
    *LAMBDA.get_or_init(size)
}

/// Converts the value of the variable, which is in MiB, to bytes.
fn lambda_size(mib: &str) -> Option<u64> {
    mib.trim().parse::<u64>().ok()?.checked_mul(1 << 20).filter(|&bytes| bytes > 0)
}

/// The groups that were found last, and the text that they were found by.
struct Kept {
    /// The text of `/proc/self/cgroup`, which changes when the process is moved.
    own: Vec<u8>,
    groups: Groups,
}

static KEPT: StaticRef<Kept> = StaticRef::none();

/// Returns the groups of the process, and finds them anew if it was moved to others. Must not be
/// called inside the allocator.
pub(crate) fn find() -> &'static Groups {
    /// The moves that are followed at most: after each, the previous groups stay in memory,
    /// because other threads may still read them.
    const MOVES: usize = 32;
    static MOVED: AtomicUsize = AtomicUsize::new(0);
    let _ignored = IgnoreAllocs::begin();
    let find = |own| Kept { own, groups: Groups::find(Path::new("/")) };
    let own = fs::read("/proc/self/cgroup").unwrap_or_default();
    let Some(kept) = KEPT.load(Acquire) else { return &KEPT.get_or_init(|| find(own)).groups };
    if kept.own == own && !kept.groups.is_empty() || MOVED.load(Relaxed) >= MOVES {
        return &kept.groups;
    }
    let found = find(own);
    // If nothing can be opened now, it may be possible later.
    if found.groups.is_empty() {
        return &kept.groups;
    }
    MOVED.fetch_add(1, Relaxed);
    let found: &'static Kept = Box::leak(Box::new(found));
    match KEPT.replace(Some(kept), found, AcqRel) {
        Ok(()) => &found.groups,
        Err(other) => &other.unwrap_or(found).groups,
    }
}

/// The limit of the kept groups and the usage of the one that has it, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// [`UNLIMITED`] if there is none.
    pub limit: u64,
    pub usage: Option<u64>,
}

/// Reads the groups that were found last; `None` if nothing can be read. Allocates nothing. Takes
/// 10 to 50 µs.
pub(crate) fn read() -> Option<Reading> {
    read_groups(&KEPT.load(Acquire)?.groups)
}

fn read_groups(groups: &Groups) -> Option<Reading> {
    let tightest = groups.limit()?;
    let group = groups.tightest(Some(tightest)).filter(|_| tightest.bytes != UNLIMITED);
    let usage = group.and_then(Group::usage);
    Some(Reading { limit: tightest.bytes, usage })
}

/// The limit, and the usage of a cgroup that counts against it, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub limit: Option<u64>,
    /// True if the limit is that of cgroups, against which their usage counts; false for Lambda's
    /// memory size, against which RSS counts.
    pub is_cgroups: bool,
    /// The usage of the cgroup with the limit, if it could be read.
    pub usage: Option<u64>,
}

/// Returns the limit and the usage at `now`, in ns of the fine clock. Cgroups are read for at
/// most 5 % of wall time.
pub(crate) fn standing(now: u64) -> Standing {
    static BUDGET: Budget = Budget::of_percent(5).with_burst(BURST);
    /// The limit of the cgroups when it was last read.
    static LAST: AtomicU64 = AtomicU64::new(UNLIMITED);
    /// The next time to check whether the process was moved.
    static DUE: AtomicU64 = AtomicU64::new(0);
    const EVERY: u64 = 100_000_000;
    /// The next time to look for a limit, if there was none.
    static NEXT: AtomicU64 = AtomicU64::new(0);
    const PAUSE: u64 = 10_000_000;
    if let Some(limit) = lambda() {
        return Standing { limit: Some(limit), is_cgroups: false, usage: None };
    }
    if now < NEXT.load(Relaxed) {
        return Standing { limit: None, is_cgroups: true, usage: None };
    }
    let reading = BUDGET.spend(now, clock::fine, || {
        if now < DUE.load(Relaxed) {
            return read();
        }
        DUE.store(now + EVERY, Relaxed);
        read_groups(find())
    });
    let reading = reading.flatten();
    if let Some(reading) = reading {
        LAST.store(reading.limit, Relaxed);
    }
    if LAST.load(Relaxed) == UNLIMITED {
        NEXT.store(now + PAUSE, Relaxed);
    }
    let limit = Some(LAST.load(Relaxed)).filter(|&limit| limit != UNLIMITED);
    Standing { limit, is_cgroups: true, usage: reading.and_then(|reading| reading.usage) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_size_of_a_lambda_is_in_mib() {
        assert_eq!(lambda_size(" 128 "), Some(128 << 20));
        for nothing in ["", "0", "a lot", "-1", "18446744073709551615"] {
            assert_eq!(lambda_size(nothing), None, "{nothing:?}");
        }
    }
}
