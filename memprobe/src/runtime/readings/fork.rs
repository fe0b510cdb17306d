//! Detects whether the process was forked since a value was made, and locks what the fork may have
//! left locked.

use crate::runtime::readings::clock;
#[cfg(any(target_os = "linux", target_os = "android"))]
use crate::runtime::sync::atomic::AtomicBool;
use crate::runtime::sync::atomic::Ordering::Relaxed;
use crate::runtime::sync::{Mutex, MutexGuard, OnceLock, yield_now};

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

/// Whether the process was forked since this was first asked, which is before the first call.
pub(crate) fn is_child() -> bool {
    static ORIGIN: OnceLock<ForkDetector> = OnceLock::new();
    !ORIGIN.get_or_init(ForkDetector::new).is_same_process()
}

/// Locks `mutex`; `None` in a forked child in which it stays locked, because its holder does not
/// exist.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    if is_child() { lock_in_child(mutex, std::process::id()) } else { Some(mutex.lock()) }
}

/// A holder that the kernel has taken off its core looks like one that does not exist. So a mutex that
/// was never free since the fork is waited for, once, and one that was is locked like any other.
#[cold]
fn lock_in_child<T>(mutex: &Mutex<T>, child: u32) -> Option<MutexGuard<'_, T>> {
    /// ns after which the holder is taken for lost.
    const PATIENCE: u64 = 1_000_000_000;
    let since = clock::fine();
    loop {
        if mutex.held_in.load(Relaxed) == child {
            return Some(mutex.lock());
        }
        if let Some(guard) = mutex.try_lock() {
            mutex.held_in.store(child, Relaxed);
            return Some(guard);
        }
        if mutex.lost_in.load(Relaxed) == child {
            return None;
        }
        if clock::fine().saturating_sub(since) > PATIENCE {
            mutex.lost_in.store(child, Relaxed);
        }
        yield_now();
    }
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
