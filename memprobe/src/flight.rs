//! What a record shows of its call to other threads, and all calls that run now.

use std::sync::atomic::{
    AtomicBool, AtomicI64, AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
    fence,
};

use crate::bytes::NetCell;
use crate::record::{self, Record};
use crate::segment::Stage;
use crate::static_ref::StaticRef;

/// The part of a record that others read; for them a moment old.
pub(crate) struct Shown {
    /// The call around this one, and its serial then.
    caller: StaticRef<Record>,
    caller_serial: AtomicU32,
    /// The call's net as it was last shown.
    held: NetCell,
    /// What of it is in the caller's `held` too.
    shared: NetCell,
    /// The call's highest net as it was last shown.
    peak: NetCell,
    /// What nested calls that run share with this one, as [`each_own`] adds it up.
    nested: AtomicI64,
}

impl Shown {
    pub const fn new() -> Shown {
        Shown {
            caller: StaticRef::none(),
            caller_serial: AtomicU32::new(0),
            held: NetCell::zero(),
            shared: NetCell::zero(),
            peak: NetCell::zero(),
            nested: AtomicI64::new(0),
        }
    }

    #[inline]
    pub fn clear(&self) {
        self.held.set(0);
        self.shared.set(0);
        self.peak.set(0);
    }

    #[inline]
    pub fn set_caller(&self, caller: Option<&'static Record>) {
        self.caller.store(caller, Relaxed);
        if let Some(caller) = caller {
            self.caller_serial.store(caller.serial(), Relaxed);
        }
    }

    /// The caller, if it runs still: one that has ended holds nothing.
    fn caller(&self) -> Option<&'static Record> {
        let serial = self.caller_serial.load(Relaxed);
        self.caller.load(Relaxed).filter(|caller| caller.serial() == serial)
    }

    /// The call's net as it was last shown.
    pub fn held(&self) -> i64 {
        self.held.get()
    }

    /// Shows what the call holds, bytes.
    #[inline]
    pub fn set_held(&self, held: i64) {
        self.held.set(held);
    }

    /// The same where the caller's `held` is as new, and has it too.
    #[inline]
    pub fn set_shared(&self, held: i64) {
        self.held.set(held);
        self.shared.set(held);
    }

    /// Shows the highest net of the call, bytes.
    #[inline]
    pub fn set_peak(&self, peak: i64) {
        self.peak.set(peak);
    }
}

/// What a record shows of its call.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    pub stage: &'static Stage,
    /// ns by the coarse clock.
    pub started: u64,
    /// Net of the call, with nested ones.
    pub held: i64,
    pub peak: i64,
    /// That of its events, if it was admitted.
    pub call_id: Option<u64>,
    record: &'static Record,
    caller: Option<&'static Record>,
    shared: i64,
}

impl Seen {
    /// `None` if the record is free, or was given back meanwhile.
    fn of(record: &'static Record) -> Option<Seen> {
        let serial = record.serial();
        fence(Acquire);
        let (stage, shown) = (record.stage()?, &record.shown);
        fence(Acquire);
        let seen = Seen {
            stage,
            started: record.started(),
            held: shown.held.get().wrapping_add(record.carried.net()),
            peak: shown.peak.get(),
            call_id: record.ticket.ids().map(|ids| ids.call),
            record,
            caller: shown.caller(),
            shared: shown.shared.get(),
        };
        fence(Acquire);
        (record.serial() == serial).then_some(seen)
    }

    /// Tells calls apart.
    pub fn id(&self) -> *const Record {
        std::ptr::from_ref(self.record)
    }

    /// The caller, if it runs still, and what of its `held` is also in this call's.
    pub fn shared(&self) -> Option<(*const Record, i64)> {
        Some((std::ptr::from_ref(self.caller?), self.shared))
    }
}

/// The calls that run now. Allocates nothing and waits for no lock.
pub(crate) fn running() -> impl Iterator<Item = Seen> {
    record::all().filter_map(Seen::of)
}

/// Gives `look` each call that runs now, and what it holds without nested calls that run as
/// well. Allocates nothing, and takes no lock that anybody holds while he allocates.
pub(crate) fn each_own(mut look: impl FnMut(&Seen, i64)) {
    static ADDING_UP: AtomicBool = AtomicBool::new(false);
    // In a forked child he who adds up may not be there any more.
    for _ in 0..1000 {
        if !ADDING_UP.swap(true, Acquire) {
            break;
        }
        std::thread::yield_now();
    }
    for record in record::all() {
        record.shown.nested.store(0, Relaxed);
    }
    for call in running() {
        if let Some(caller) = call.caller {
            caller.shown.nested.fetch_add(call.shared, Relaxed);
        }
    }
    for call in running() {
        look(&call, call.held.wrapping_sub(call.record.shown.nested.load(Relaxed)));
    }
    ADDING_UP.store(false, Release);
}
