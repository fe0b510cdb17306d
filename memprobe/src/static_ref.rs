//! A place for a reference to what is never freed, that threads may read and write.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

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

    pub fn swap(&self, value: Option<&'static T>, order: Ordering) -> Option<&'static T> {
        Self::from_pointer(self.0.swap(Self::pointer(value), order))
    }

    /// Stores `value` if `current` still stands here.
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

    /// What stands here, made and leaked if there is nothing. Of two threads that race for it
    /// one makes it in vain.
    pub fn get_or_leak(&self, make: impl FnOnce() -> T) -> &'static T {
        if let Some(value) = self.load(Ordering::Acquire) {
            return value;
        }
        let ours: &'static T = Box::leak(Box::new(make()));
        match self.replace(None, ours, Ordering::AcqRel) {
            Err(Some(theirs)) => theirs,
            _ => ours,
        }
    }

    #[inline]
    fn pointer(value: Option<&'static T>) -> *mut T {
        value.map_or(ptr::null_mut(), |value| ptr::from_ref(value).cast_mut())
    }

    #[inline]
    fn from_pointer(pointer: *mut T) -> Option<&'static T> {
        // SAFETY: whatever stands here came from a `&'static T`, and is never written through.
        unsafe { pointer.as_ref() }
    }
}
