//! What threads share without a lock: values that are never freed.
//!
//! A reference from [`static_ref`] is valid for ever. Lists and maps only grow: a thread that adds
//! may wait for another that adds, and one that reads waits for none.
//!
//! All atomics of the runtime come from [`atomic`], and the locks and thread-locals that models of
//! `tests/loom` run into from here, so that loom's can take their places.

pub(crate) mod append_list;
pub(crate) mod atomic;
pub(crate) mod map;
#[cfg(memprobe_loom)]
pub(crate) mod modelled;
pub(crate) mod mutex;
pub(crate) mod once_lock;
pub(crate) mod static_ref;

pub(crate) use mutex::{Mutex, MutexGuard};
pub(crate) use once_lock::OnceLock;

#[cfg(memprobe_loom)]
pub(crate) use modelled::{thread_local, yield_now};
#[cfg(not(memprobe_loom))]
pub(crate) use std::{thread::yield_now, thread_local};
