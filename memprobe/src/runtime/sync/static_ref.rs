//! An atomic reference, which may be absent, to a value that is never freed.

use std::ptr;

use crate::runtime::sync::atomic::{AtomicPtr, Ordering};

pub(crate) struct StaticRef<T: 'static>(AtomicPtr<T>);

impl<T: Sync> StaticRef<T> {
    pub const fn none() -> StaticRef<T> {
        StaticRef(AtomicPtr::new(ptr::null_mut()))
    }

    #[inline]
    pub fn load(&self, order: Ordering) -> Option<&'static T> {
        Self::from_pointer(self.0.load(order))
    }

    #[inline]
    pub fn store(&self, value: Option<&'static T>, order: Ordering) {
        self.0.store(Self::pointer(value), order);
    }

    /// Stores `value` if `current` is still the reference here; otherwise returns the actual one.
    pub fn replace(
        &self,
        current: Option<&'static T>,
        value: &'static T,
        order: Ordering,
    ) -> Result<(), Option<&'static T>> {
        let (current, value) = (Self::pointer(current), Self::pointer(Some(value)));
        self.0
            .compare_exchange(current, value, order, Ordering::Acquire)
            .map(|_| ())
            .map_err(Self::from_pointer)
    }

    /// Stores `value` for good if there is no reference yet. Otherwise returns the one that is
    /// here, and gives `value` back.
    pub fn try_init(&self, value: Box<T>) -> Result<&'static T, (&'static T, Box<T>)> {
        let ours = Box::into_raw(value);
        let before =
            self.0.compare_exchange(ptr::null_mut(), ours, Ordering::AcqRel, Ordering::Acquire);
        // SAFETY: a stored value is never freed. `ours` came from `Box::into_raw`, and if it was
        // not stored, no other thread has seen it.
        unsafe {
            match before {
                Ok(_) => Ok(&*ours),
                Err(theirs) => Err((&*theirs, Box::from_raw(ours))),
            }
        }
    }

    /// Returns the reference, and stores `make()` first if there is none.
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &'static T {
        if let Some(value) = self.load(Ordering::Acquire) {
            return value;
        }
        match self.try_init(Box::new(make())) {
            Ok(value) | Err((value, _)) => value,
        }
    }

    #[inline]
    fn pointer(value: Option<&'static T>) -> *mut T {
        value.map_or(ptr::null_mut(), |value| ptr::from_ref(value).cast_mut())
    }

    #[inline]
    fn from_pointer(pointer: *mut T) -> Option<&'static T> {
        // SAFETY: every stored pointer came from a `&'static T` or from a box that is never freed,
        // and is never written through. Code that stores a new value does so with `Release`.
        unsafe { pointer.as_ref() }
    }
}

#[cfg(all(test, memprobe_loom))]
mod models;
