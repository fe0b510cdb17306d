//! A mutex and a cell that is written once, whose waits are loom's inside a model.

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use super::atomics::{AtomicBool, AtomicU8, number};
use super::yield_now;

pub(crate) use std::sync::{PoisonError, TryLockError};

/// A mutex that spins. What it holds stays from one execution of a model to the next, so a model
/// must make it anew.
pub(crate) struct Mutex<T> {
    is_locked: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: `is_locked` lets one thread at a time at the value.
unsafe impl<T: Send> Sync for Mutex<T> {}

pub(crate) struct MutexGuard<'a, T>(&'a Mutex<T>);

impl<T> Mutex<T> {
    pub const fn new(value: T) -> Mutex<T> {
        Mutex { is_locked: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    pub fn lock(&self) -> Result<MutexGuard<'_, T>, PoisonError<MutexGuard<'_, T>>> {
        loop {
            match self.try_lock() {
                Ok(guard) => return Ok(guard),
                Err(_) => yield_now(),
            }
        }
    }

    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError<MutexGuard<'_, T>>> {
        match self.is_locked.compare_exchange(false, true, Acquire, Relaxed) {
            Ok(_) => Ok(MutexGuard(self)),
            Err(_) => Err(TryLockError::WouldBlock),
        }
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard has the lock.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard has the lock.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        self.0.is_locked.store(false, Release);
    }
}

/// A cell that is written once in each execution of a model.
pub(crate) struct OnceLock<T> {
    state: AtomicU8,
    /// The values of all executions, the last at the end: references to older ones may remain.
    values: UnsafeCell<Vec<(u64, Box<T>)>>,
}

const EMPTY: u8 = 0;
const BUSY: u8 = 1;
const FULL: u8 = 2;

// SAFETY: the value is written by the one thread that set `BUSY`, and read once it is `FULL`.
unsafe impl<T: Send + Sync> Sync for OnceLock<T> {}

impl<T> OnceLock<T> {
    pub const fn new() -> OnceLock<T> {
        OnceLock { state: AtomicU8::new(EMPTY), values: UnsafeCell::new(Vec::new()) }
    }

    pub fn get(&self) -> Option<&T> {
        (self.state.load(Acquire) == FULL).then(|| self.last())
    }

    fn last(&self) -> &T {
        // SAFETY: the cell is full, so that nothing writes to it in this execution. A value is
        // boxed, and none is dropped before the cell.
        let values = unsafe { &*self.values.get() };
        let (_, value) = values.iter().rfind(|(at, _)| *at == number()).expect("a full cell");
        value
    }

    pub fn set(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        self.get_or_init(|| value.take().expect("one call"));
        value.map_or(Ok(()), Err)
    }

    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        loop {
            match self.state.compare_exchange(EMPTY, BUSY, AcqRel, Acquire) {
                Ok(_) => break,
                Err(FULL) => return self.last(),
                Err(_) => yield_now(),
            }
        }
        let value = (number(), Box::new(make()));
        // SAFETY: this thread alone has the cell.
        unsafe { &mut *self.values.get() }.push(value);
        self.state.store(FULL, Release);
        self.last()
    }
}
