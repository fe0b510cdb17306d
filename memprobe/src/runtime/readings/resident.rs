//! The resident memory of the process, as each system counts it.

pub(crate) use platform::{PEAK_RSS, RSS, peak_rss, resident};

/// The resident memory of the process, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resident {
    pub rss: u64,
    /// The part of `rss` that is files and shared memory; 0 where the system does not count them.
    pub shared: u64,
}

/// Reads RSS, in bytes. Takes 0.7 µs on Linux.
pub(crate) fn rss() -> Option<u64> {
    resident().map(|resident| resident.rss)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod platform {
    use crate::runtime::sync::OnceLock;
    use std::fs::{self, File};

    use super::Resident;
    use crate::runtime::readings::fork::ForkDetector;
    use crate::runtime::readings::pages;
    use crate::runtime::readings::proc::{kib_field, read_at_start};

    /// What the figures are called in `/proc`.
    pub(crate) const RSS: &str = "rss";
    pub(crate) const PEAK_RSS: &str = "VmHWM";

    /// Reads RSS and its shared part by one `pread` of a descriptor that is kept.
    pub(crate) fn resident() -> Option<Resident> {
        struct Kept {
            page: u64,
            origin: ForkDetector,
            file: Option<File>,
        }
        fn open() -> Option<File> {
            File::open("/proc/self/statm").ok()
        }
        static KEPT: OnceLock<Kept> = OnceLock::new();
        let kept = KEPT.get_or_init(|| Kept {
            page: pages::kernel_page() as u64,
            origin: ForkDetector::new(),
            file: open(),
        });
        let mut buffer = [0; 96];
        let text = match &kept.file {
            Some(file) if kept.origin.is_same_process() => read_at_start(file, &mut buffer)?,
            // After a fork the kept descriptor still reads the process that opened it. If the file
            // could not be opened then, it may be possible now.
            _ => read_at_start(&open()?, &mut buffer)?,
        };
        statm(text, kept.page)
    }

    /// Parses the second and the third figure, which are in pages.
    fn statm(statm: &[u8], page: u64) -> Option<Resident> {
        let (mut figures, mut at) = ([None; 3], 0);
        for byte in statm {
            match byte {
                b'0'..=b'9' => {
                    let before: u64 = figures[at].unwrap_or(0);
                    figures[at] =
                        Some(before.wrapping_mul(10).wrapping_add(u64::from(byte - b'0')));
                }
                _ if at == 2 => break,
                _ => at += 1,
            }
        }
        let bytes = |at: usize| figures[at]?.checked_mul(page);
        Some(Resident { rss: bytes(1)?, shared: bytes(2)? })
    }

    /// Reads the highest RSS, in bytes.
    pub(crate) fn peak_rss() -> Option<u64> {
        kib_field(&fs::read("/proc/self/status").ok()?, "VmHWM:")
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn statm_has_pages() {
            assert_eq!(statm(b"12 34", 4096), None);
            let resident = Resident { rss: 34 * 4096, shared: 5 * 4096 };
            assert_eq!(statm(b"12 34 5", 4096), Some(resident));
        }
    }
}

/// The footprint, which Apple's tools show and its limits count: resident and compressed memory of
/// the process's own.
#[cfg(target_vendor = "apple")]
mod platform {
    use std::mem::MaybeUninit;

    use libc::{RUSAGE_INFO_V4, proc_pid_rusage, rusage_info_t, rusage_info_v4};

    use super::Resident;

    pub(crate) const RSS: &str = "phys_footprint";
    pub(crate) const PEAK_RSS: &str = "lifetime_max_phys_footprint";

    pub(crate) fn resident() -> Option<Resident> {
        usage().map(|usage| Resident { rss: usage.ri_phys_footprint, shared: 0 })
    }

    /// Returns the highest footprint, in bytes.
    pub(crate) fn peak_rss() -> Option<u64> {
        usage().map(|usage| usage.ri_lifetime_max_phys_footprint)
    }

    fn usage() -> Option<rusage_info_v4> {
        let mut usage = MaybeUninit::<rusage_info_v4>::uninit();
        // SAFETY: the system fills a structure of this version in whole if it returns 0.
        unsafe {
            let buffer = usage.as_mut_ptr().cast::<rusage_info_t>();
            let code = proc_pid_rusage(libc::getpid(), RUSAGE_INFO_V4, buffer);
            (code == 0).then(|| usage.assume_init())
        }
    }
}

/// The working set.
#[cfg(windows)]
mod platform {
    use std::ffi::c_void;

    use super::Resident;

    pub(crate) const RSS: &str = "WorkingSetSize";
    pub(crate) const PEAK_RSS: &str = "PeakWorkingSetSize";

    /// `PROCESS_MEMORY_COUNTERS`.
    #[repr(C)]
    #[derive(Default)]
    struct Counters {
        size: u32,
        page_faults: u32,
        peak_working_set: usize,
        working_set: usize,
        others: [usize; 6],
    }

    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn GetCurrentProcess() -> *mut c_void;
        fn K32GetProcessMemoryInfo(process: *mut c_void, counters: *mut Counters, size: u32)
        -> i32;
    }

    pub(crate) fn resident() -> Option<Resident> {
        counters().map(|counters| Resident { rss: counters.working_set as u64, shared: 0 })
    }

    /// Returns the largest working set so far, in bytes.
    pub(crate) fn peak_rss() -> Option<u64> {
        counters().map(|counters| counters.peak_working_set as u64)
    }

    fn counters() -> Option<Counters> {
        const SIZE: u32 = size_of::<Counters>() as u32;
        let mut counters = Counters { size: SIZE, ..Counters::default() };
        // SAFETY: the system writes at most `SIZE` bytes. The handle of the process itself needs no
        // closing.
        let is_read =
            unsafe { K32GetProcessMemoryInfo(GetCurrentProcess(), &raw mut counters, SIZE) };
        (is_read != 0).then_some(counters)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple", windows)))]
mod platform {
    use super::Resident;

    pub(crate) const RSS: &str = "rss";
    pub(crate) const PEAK_RSS: &str = "VmHWM";

    pub(crate) fn resident() -> Option<Resident> {
        None
    }

    pub(crate) fn peak_rss() -> Option<u64> {
        None
    }
}
