//! A mutex whose holder may not exist, in a child that was forked meanwhile.

#[cfg(memprobe_loom)]
use crate::runtime::sync::modelled as base;
#[cfg(not(memprobe_loom))]
use std::sync as base;

use crate::runtime::sync::atomic::AtomicU32;

pub(crate) use base::MutexGuard;

/// A [`std::sync::Mutex`] that no panic poisons. `readings/fork.rs` locks it.
pub(crate) struct Mutex<T> {
    inner: base::Mutex<T>,
    /// The forked child, by its id, in which a thread has held it.
    pub held_in: AtomicU32,
    /// The forked child, by its id, in which it stays locked.
    pub lost_in: AtomicU32,
}

impl<T> Mutex<T> {
    pub const fn new(value: T) -> Mutex<T> {
        let (held_in, lost_in) = (AtomicU32::new(0), AtomicU32::new(0));
        Mutex { inner: base::Mutex::new(value), held_in, lost_in }
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.inner.lock().unwrap_or_else(base::PoisonError::into_inner)
    }

    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.inner.try_lock() {
            Ok(guard) => Some(guard),
            Err(base::TryLockError::Poisoned(guard)) => Some(guard.into_inner()),
            Err(base::TryLockError::WouldBlock) => None,
        }
    }
}
