//! A value that is made once, when it is first needed.

#[cfg(memprobe_loom)]
use crate::runtime::sync::modelled::OnceLock as Cell;
#[cfg(not(memprobe_loom))]
use std::sync::OnceLock as Cell;

/// A [`std::sync::OnceLock`] that makes its value without holding the lock: the thread that makes it
/// may be gone, in a child that was forked meanwhile. Threads that come first together each make
/// one, and all get the same; the others are dropped, so a caller whose value has memory ignores
/// allocations around `get_or_init` and not only in `make`.
pub(crate) struct OnceLock<T>(Cell<T>);

impl<T> OnceLock<T> {
    pub const fn new() -> OnceLock<T> {
        OnceLock(Cell::new())
    }

    #[inline]
    pub fn get(&self) -> Option<&T> {
        self.0.get()
    }

    #[inline]
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        match self.0.get() {
            Some(value) => value,
            None => self.init(make()),
        }
    }

    #[cold]
    fn init(&self, value: T) -> &T {
        self.0.get_or_init(|| value)
    }

    /// Sets the value, or gives it back if there is one.
    pub fn set(&self, value: T) -> Result<(), T> {
        self.0.set(value)
    }
}
