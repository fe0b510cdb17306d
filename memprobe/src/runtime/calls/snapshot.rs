//! All calls that run now, on any thread, as their records tell it.

use std::sync::atomic::{
    AtomicBool, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, fence,
};

use crate::runtime::calls::pool;
use crate::runtime::calls::record::Record;
use crate::runtime::stats::call_tree::Position;

/// What a record tells of its call.
#[derive(Clone, Copy)]
struct Seen {
    position: &'static Position,
    /// ns by the coarse clock.
    started: u64,
    /// Net of the call, with nested ones.
    held: i64,
    peak: i64,
    /// That of its events, if it was admitted.
    call_id: Option<u64>,
    record: &'static Record,
    caller: Option<&'static Record>,
    shared: i64,
    is_carried: bool,
}

impl Seen {
    /// `None` if the record is free, or was given back meanwhile.
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

    /// What the call holds without nested ones, once these are added up.
    fn own(&self) -> i64 {
        self.held.wrapping_sub(self.record.published.nested.load(Relaxed))
    }

    /// The call that this is work of, carried elsewhere, if it runs still: then the two are one
    /// call.
    fn whole(&self) -> Option<&'static Record> {
        let mut whole = self.caller.filter(|_| self.is_carried)?;
        // Work may be carried out of work; each began after what it is a part of.
        while let Some(further) = whole.parent().filter(|_| whole.is_carried()) {
            whole = further;
        }
        Some(whole)
    }
}

/// The records of calls that run now, and of work that was carried out of them.
fn running() -> impl Iterator<Item = Seen> {
    pool::all().filter_map(Seen::of)
}

/// A call that runs, with the work that was carried out of it and runs elsewhere.
#[derive(Clone, Copy)]
pub(crate) struct RunningCall {
    pub position: &'static Position,
    /// ns by the coarse clock.
    pub started: u64,
    /// What it holds without nested calls that run as well, bytes.
    pub own: i64,
    /// Its net, with nested calls, and its highest, bytes.
    pub net: i64,
    pub peak: i64,
    /// That of its events, if it was admitted.
    pub call_id: Option<u64>,
}

/// Gives `look` each call that runs now. Allocates nothing, and takes no lock that anybody holds
/// while he allocates.
///
/// 1. What a nested call shares with its caller is taken off what the caller holds.
/// 2. What carried work holds is added to what its call holds.
/// 3. Each call is looked at; work whose call has ended stands for itself.
pub(crate) fn each_running(mut look: impl FnMut(RunningCall)) {
    static ADDING_UP: AtomicBool = AtomicBool::new(false);
    // In a forked child he who adds up may not be there any more.
    for _ in 0..1000 {
        if !ADDING_UP.swap(true, Acquire) {
            break;
        }
        std::thread::yield_now();
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
