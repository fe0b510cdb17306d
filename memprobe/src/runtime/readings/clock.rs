//! Time, as cheaply as it can be had: ns of the monotonic clock; and the time of day.

use std::time::SystemTime;

pub(crate) use platform::{coarse, fine, since_boot, ticks_a_second};

/// The time of day, ms since 1970; `None` where the clock stands before that. Allocates nothing.
pub(crate) fn time_of_day() -> Option<u64> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod platform {
    use libc::{CLOCK_BOOTTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_COARSE, clockid_t, timespec};

    /// As of the last tick of the kernel, which comes every 1 to 10 ms; 3 ns.
    #[inline]
    pub fn coarse() -> u64 {
        read(CLOCK_MONOTONIC_COARSE)
    }

    /// Now; 20 ns.
    pub fn fine() -> u64 {
        read(CLOCK_MONOTONIC)
    }

    /// Since the machine was started, with the time that it slept.
    pub fn since_boot() -> Option<u64> {
        Some(read(CLOCK_BOOTTIME)).filter(|&now| now > 0)
    }

    /// The unit in which `/proc` tells times.
    pub fn ticks_a_second() -> Option<u64> {
        // SAFETY: reads a constant of the system.
        let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
        u64::try_from(ticks).ok().filter(|&ticks| ticks > 0)
    }

    #[inline]
    fn read(clock: clockid_t) -> u64 {
        let mut now = timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: writes one `timespec`. The clocks exist since Linux 2.6.32, and where one did
        // not, the time would stand still.
        unsafe { libc::clock_gettime(clock, &raw mut now) };
        now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod platform {
    use std::sync::OnceLock;
    use std::time::Instant;

    /// Since this was first asked.
    #[inline]
    pub fn fine() -> u64 {
        static FIRST: OnceLock<Instant> = OnceLock::new();
        let now = Instant::now();
        now.saturating_duration_since(*FIRST.get_or_init(|| now)).as_nanos() as u64
    }

    pub use fine as coarse;

    pub fn since_boot() -> Option<u64> {
        None
    }

    pub fn ticks_a_second() -> Option<u64> {
        None
    }
}
