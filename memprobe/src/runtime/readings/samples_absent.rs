//! Replaces `samples.rs` where jemalloc does not build: there are no samples.

#[derive(Clone, Copy)]
pub(crate) struct Hooks {
    pub on_sample: fn(&Sample<'_>),
    pub on_free: fn(usize),
    pub takes_stack: fn() -> bool,
}

pub(crate) struct Sample<'a> {
    pub address: usize,
    pub size: u64,
    pub stack: &'a [usize],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    OtherAllocator,
    Hooks,
    Prof,
    Memory,
}

pub(crate) fn check() -> Result<(), Missing> {
    Err(Missing::OtherAllocator)
}

pub(crate) fn install(_hooks: Hooks) {}

pub(crate) fn interval() -> Option<u64> {
    None
}

pub(crate) fn is_active() -> bool {
    false
}

pub(crate) fn set_active(_active: bool) -> bool {
    false
}

pub(crate) fn set_interval_log(_log: usize) -> bool {
    false
}
