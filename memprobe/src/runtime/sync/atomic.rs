//! The atomics of the runtime: those of the standard library, and in the models of its order of
//! memory those of loom. Everything in the runtime takes them from here.

#[cfg(not(memprobe_loom))]
pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

#[cfg(memprobe_loom)]
pub(crate) use crate::runtime::sync::modelled::{
    AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};
