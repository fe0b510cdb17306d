//! Whether this is still the process that something was made in.

#[cfg(any(target_os = "linux", target_os = "android"))]
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// A process, told from children that are forked from it.
#[derive(Debug)]
pub(crate) enum ForkDetector {
    /// By a page that the kernel takes away in a child: no system call to look.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    Page(&'static AtomicBool),
    /// By its id, where the kernel cannot do that.
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

/// Takes a page that is all zero in a forked child; since Linux 4.14.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn page() -> Option<&'static AtomicBool> {
    use std::ptr::null_mut;

    use libc::{MADV_WIPEONFORK, MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE};

    // Rounded up to a page.
    const LEN: usize = 1;
    // SAFETY: maps a page that nobody has, zeroed, and either gives it back or keeps it for
    // good; zero is a `bool`.
    unsafe {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS;
        let page = libc::mmap(null_mut(), LEN, PROT_READ | PROT_WRITE, flags, -1, 0);
        if page == libc::MAP_FAILED {
            return None;
        }
        // An emulator that takes any advice does not follow it.
        let takes = |advice| libc::madvise(page, LEN, advice) == 0;
        if takes(-1) || !takes(MADV_WIPEONFORK) {
            libc::munmap(page, LEN);
            return None;
        }
        Some(&*page.cast::<AtomicBool>())
    }
}
