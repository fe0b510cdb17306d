//! Replaces `samples.rs` where jemalloc does not build: there are no samples.

use crate::runtime::readings::sample_hooks::{Hooks, Missing};

pub(crate) fn prepare() {}

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
