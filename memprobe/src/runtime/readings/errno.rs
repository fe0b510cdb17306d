//! The number of the last error, which a program does not expect an allocation to change.

/// Runs `work`, which may make system calls, and restores `errno`.
pub(crate) fn keeping_errno<T>(work: impl FnOnce() -> T) -> T {
    #[cfg(target_os = "android")]
    use libc::__errno as errno;
    #[cfg(target_os = "linux")]
    use libc::__errno_location as errno;
    #[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
    use libc::__error as errno;
    #[cfg(any(
        target_os = "linux",
        target_os = "android",
        target_vendor = "apple",
        target_os = "freebsd"
    ))]
    {
        // SAFETY: points to this thread's own `errno`, which lives as long as the thread.
        let before = unsafe { *errno() };
        let result = work();
        // SAFETY: as above.
        unsafe { *errno() = before };
        result
    }
    // Elsewhere jemalloc calls nobody back.
    #[cfg(not(any(
        target_os = "linux",
        target_os = "android",
        target_vendor = "apple",
        target_os = "freebsd"
    )))]
    work()
}
