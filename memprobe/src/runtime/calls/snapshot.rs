//! All calls that run now on any thread, as their records publish them.

use crate::runtime::calls::pool;
use crate::runtime::calls::record::Record;
use crate::runtime::stats::call_tree::Position;
use crate::runtime::sync::atomic::{
    AtomicBool, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, fence,
};
use crate::runtime::sync::yield_now;

/// What a record publishes of its call.
#[derive(Clone, Copy)]
struct Seen {
    position: &'static Position,
    /// ns by the coarse clock.
    started: u64,
    /// Net of the call with nested ones, in bytes.
    held: i64,
    peak: i64,
    /// The id in the call's events, if it was admitted.
    call_id: Option<u64>,
    record: &'static Record,
    caller: Option<&'static Record>,
    shared: i64,
    is_carried: bool,
}

impl Seen {
    /// Returns `None` if the record is free, or was released while it was read.
    fn of(record: &'static Record) -> Option<Seen> {
        let serial = record.serial();
        fence(Acquire);
        let (position, published) = (record.position()?, &record.published);
        fence(Acquire);
        let seen = Seen {
            position,
            started: record.started(),
            held: published.held().wrapping_add(record.carried.net()),
            peak: published.peak(),
            call_id: record.admission.ids().map(|ids| ids.call),
            record,
            caller: record.parent(),
            shared: published.shared(),
            is_carried: record.is_carried(),
        };
        fence(Acquire);
        (record.serial() == serial).then_some(seen)
    }

    /// Returns what the call holds without nested calls, once their sum is complete.
    fn own(&self) -> i64 {
        self.held.wrapping_sub(self.record.published.nested.load(Relaxed))
    }

    /// Returns the call that this work was carried out of, if it still runs: the two are listed as
    /// one call.
    fn whole(&self) -> Option<&'static Record> {
        let mut whole = self.caller.filter(|_| self.is_carried)?;
        // Work may be carried out of carried work. The loop ends, because each began after its
        // parent.
        while let Some(further) = whole.parent().filter(|_| whole.is_carried()) {
            whole = further;
        }
        Some(whole)
    }
}

/// Returns the calls that run now, and the work that was carried out of them.
fn running() -> impl Iterator<Item = Seen> {
    pool::all().filter_map(Seen::of)
}

/// A call that runs, with the work that was carried out of it and runs elsewhere.
#[derive(Clone, Copy)]
pub(crate) struct RunningCall {
    pub position: &'static Position,
    /// ns by the coarse clock.
    pub started: u64,
    /// Net of the call without nested calls that run as well, in bytes.
    pub own: i64,
    /// Net of the call with nested calls, and its highest, in bytes.
    pub net: i64,
    pub peak: i64,
    /// The id in the call's events, if it was admitted.
    pub call_id: Option<u64>,
}

/// Calls `look` with each call that runs now. It allocates nothing, and takes no lock that is held
/// during an allocation.
///
/// 1. What a nested call shares with its caller is subtracted from what the caller holds.
/// 2. What carried work holds is added to what its call holds.
/// 3. `look` gets each call; work whose call has ended is a call of its own.
pub(crate) fn each_running(mut look: impl FnMut(RunningCall)) {
    static ADDING_UP: AtomicBool = AtomicBool::new(false);
    // The wait is bounded: in a forked child the thread that holds the lock may not exist.
    for _ in 0..1000 {
        if ADDING_UP.compare_exchange(false, true, Acquire, Relaxed).is_ok() {
            break;
        }
        yield_now();
    }
    for record in pool::all() {
        record.published.nested.store(0, Relaxed);
        record.published.elsewhere.store(0, Relaxed);
    }
    for call in running() {
        if let Some(caller) = call.caller {
            caller.published.nested.fetch_add(call.shared, Relaxed);
        }
    }
    for part in running() {
        if let Some(whole) = part.whole() {
            whole.published.nested.fetch_sub(part.own(), Relaxed);
            whole.published.elsewhere.fetch_add(part.held.wrapping_sub(part.shared), Relaxed);
        }
    }
    for call in running().filter(|call| call.whole().is_none()) {
        let net = call.held.wrapping_add(call.record.published.elsewhere.load(Relaxed));
        look(RunningCall {
            position: call.position,
            started: call.started,
            own: call.own(),
            net,
            peak: call.peak.max(net),
            call_id: call.call_id,
        });
    }
    ADDING_UP.store(false, Release);
}

#[cfg(all(test, memprobe_loom))]
mod models;
