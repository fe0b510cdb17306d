//! Detects whether the process was forked since a value was made.

#[cfg(any(target_os = "linux", target_os = "android"))]
use crate::runtime::sync::atomic::{AtomicBool, Ordering::Relaxed};
use crate::runtime::sync::{Mutex, MutexGuard, OnceLock, PoisonError, TryLockError, yield_now};

/// Distinguishes the process that it was made in from children that are forked from it.
#[derive(Debug)]
pub(crate) enum ForkDetector {
    /// A page that the kernel zeroes in a child, so that a look takes no system call.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    Page(&'static AtomicBool),
    /// The id of the process, if the kernel cannot do that.
    Id(u32),
}

impl ForkDetector {
    pub fn new() -> ForkDetector {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(page) = page() {
            page.store(true, Relaxed);
            return ForkDetector::Page(page);
        }
        ForkDetector::Id(std::process::id())
    }

    #[inline]
    pub fn is_same_process(&self) -> bool {
        match *self {
            #[cfg(any(target_os = "linux", target_os = "android"))]
            ForkDetector::Page(page) => page.load(Relaxed),
            ForkDetector::Id(id) => id == std::process::id(),
        }
    }
}

/// Locks `mutex`, which nobody holds while it waits for something. In a forked child the holder may
/// not exist, so the wait is bounded there: `None` if it stays locked.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    /// How often a thread lets others run before it takes the holder for lost.
    const PATIENCE: u32 = 100;
    static ORIGIN: OnceLock<ForkDetector> = OnceLock::new();
    if ORIGIN.get_or_init(ForkDetector::new).is_same_process() {
        return Some(mutex.lock().unwrap_or_else(PoisonError::into_inner));
    }
    for _ in 0..PATIENCE {
        match mutex.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(guard)) => return Some(guard.into_inner()),
            Err(TryLockError::WouldBlock) => yield_now(),
        }
    }
    None
}

/// Maps a page that is all zero in a forked child. Needs Linux 4.14.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn page() -> Option<&'static AtomicBool> {
    use std::ptr::null_mut;

    use libc::{MADV_WIPEONFORK, MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE};

    // The kernel rounds it up to a page.
    const LEN: usize = 1;
    // SAFETY: maps a new, zeroed page, and either unmaps it or keeps it for good; zero is a
    // valid `bool`.
    unsafe {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS;
        let page = libc::mmap(null_mut(), LEN, PROT_READ | PROT_WRITE, flags, -1, 0);
        if page == libc::MAP_FAILED {
            return None;
        }
        // An emulator that accepts any advice, even -1, does not follow it.
        let takes = |advice| libc::madvise(page, LEN, advice) == 0;
        if takes(-1) || !takes(MADV_WIPEONFORK) {
            libc::munmap(page, LEN);
            return None;
        }
        Some(&*page.cast::<AtomicBool>())
    }
}
