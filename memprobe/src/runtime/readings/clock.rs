//! Cheap readings of the monotonic clock, in ns, and the time of day.

use std::time::SystemTime;

pub(crate) use platform::{coarse, fine, since_boot, ticks_a_second};

/// Returns the time of day, in ms since 1970; `None` if the clock is set before that. Allocates
/// nothing.
pub(crate) fn time_of_day() -> Option<u64> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod platform {
    use libc::{CLOCK_BOOTTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_COARSE, clockid_t, timespec};

    /// Returns the time of the kernel's last tick, in ns. Ticks come every 1 to 10 ms. Takes 3 ns.
    #[inline]
    pub fn coarse() -> u64 {
        read(CLOCK_MONOTONIC_COARSE)
    }

    /// Returns the time now, in ns. Takes 20 ns.
    pub fn fine() -> u64 {
        read(CLOCK_MONOTONIC)
    }

    /// Returns the time since the machine was started, in ns, including the time that it slept.
    pub fn since_boot() -> Option<u64> {
        Some(read(CLOCK_BOOTTIME)).filter(|&now| now > 0)
    }

    /// Returns how many ticks a second has; `/proc` gives times in ticks.
    pub fn ticks_a_second() -> Option<u64> {
        // SAFETY: reads a constant of the system.
        let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
        u64::try_from(ticks).ok().filter(|&ticks| ticks > 0)
    }

    #[inline]
    fn read(clock: clockid_t) -> u64 {
        let mut now = timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: writes one `timespec`. The clocks exist since Linux 2.6.32; without one, the
        // call would fail and the time would stay 0.
        unsafe { libc::clock_gettime(clock, &raw mut now) };
        now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
    }
}

#[cfg(target_vendor = "apple")]
mod platform {
    use libc::{CLOCK_MONOTONIC_RAW, CLOCK_MONOTONIC_RAW_APPROX, clockid_t, timespec};

    /// Returns the time of the kernel's last switch of threads or tick, in ns, without reading the
    /// hardware.
    #[inline]
    pub fn coarse() -> u64 {
        read(CLOCK_MONOTONIC_RAW_APPROX)
    }

    /// Returns the time now, in ns.
    pub fn fine() -> u64 {
        read(CLOCK_MONOTONIC_RAW)
    }

    pub fn since_boot() -> Option<u64> {
        None
    }

    pub fn ticks_a_second() -> Option<u64> {
        None
    }

    #[inline]
    fn read(clock: clockid_t) -> u64 {
        let mut now = timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: writes one `timespec`. Both clocks exist since macOS 10.12.
        unsafe { libc::clock_gettime(clock, &raw mut now) };
        now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
mod platform {
    use crate::runtime::sync::OnceLock;
    use std::time::Instant;

    /// Returns the time since the first call, in ns.
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
