//! Figures of the process itself from `/proc`: its RSS, the highest RSS and its age.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::runtime::readings::clock;
use crate::runtime::readings::fork::ForkDetector;

/// Reads RSS, in bytes, by one `pread` of a descriptor that is kept. Takes 0.7 µs.
pub(crate) fn rss() -> Option<u64> {
    resident().map(|resident| resident.rss)
}

/// The resident memory of the process, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resident {
    pub rss: u64,
    /// The part of `rss` that is files and shared memory.
    pub shared: u64,
}

/// Reads RSS and its shared part by one `pread`.
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
    let kept =
        KEPT.get_or_init(|| Kept { page: page_size(), origin: ForkDetector::new(), file: open() });
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
                figures[at] = Some(before.wrapping_mul(10).wrapping_add(u64::from(byte - b'0')));
            }
            _ if at == 2 => break,
            _ => at += 1,
        }
    }
    Some(Resident { rss: figures[1]?.checked_mul(page)?, shared: figures[2]?.checked_mul(page)? })
}

/// Reads `AT_PAGESZ` from the auxiliary vector, whose pairs take 16 bytes on every 64-bit Linux.
fn page_size() -> u64 {
    const AT_PAGESZ: u64 = 6;
    let auxv = fs::read("/proc/self/auxv").unwrap_or_default();
    auxv.chunks_exact(16)
        .map(|pair| {
            let (key, value) = pair.split_at(8);
            let number = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_ne_bytes);
            (number(key), number(value))
        })
        .find(|(key, _)| *key == AT_PAGESZ)
        .map_or(4096, |(_, size)| size)
}

/// Reads the highest RSS (`VmHWM`), in bytes.
pub(crate) fn peak_rss() -> Option<u64> {
    kib_field(&fs::read("/proc/self/status").ok()?, "VmHWM:")
}

/// Returns the age of the process at `now`, by the fine clock, in µs. Events have it because not
/// every subscriber prints a time. If the kernel does not report it, it is the time since the
/// first call.
pub(crate) fn uptime_us(now: u64) -> u64 {
    static START: OnceLock<u64> = OnceLock::new();
    let start = *START.get_or_init(|| now.wrapping_sub(age().unwrap_or(0)));
    // Another thread may have set `START` first with a later `now`.
    (now.wrapping_sub(start) as i64).max(0) as u64 / 1000
}

/// Returns the age of the process, in ns. Does not use `/proc/uptime`, which a container may
/// replace by its own.
fn age() -> Option<u64> {
    let stat = fs::read("/proc/self/stat").ok()?;
    clock::since_boot()?.checked_sub(started(&stat, clock::ticks_a_second()?)?)
}

/// Parses the time when the process started, in ns since boot, from field 22 in clock ticks.
fn started(stat: &[u8], ticks_a_second: u64) -> Option<u64> {
    // The name of the program is in parentheses and may contain any byte.
    let name_ends = stat.iter().rposition(|&byte| byte == b')')?;
    let ticks = number(words(&stat[name_ends + 1..]).nth(19)?)?;
    let ns = u128::from(ticks) * 1_000_000_000 / u128::from(ticks_a_second.max(1));
    ns.try_into().ok()
}

// --- texts of the kernel, which are bytes --------------------------------------------------

/// Reads an open file from its start, as far as `buffer` has room. Allocates nothing.
pub(crate) fn read_at_start<'a>(file: &File, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    #[cfg(unix)]
    let len = std::os::unix::fs::FileExt::read_at(file, buffer, 0).ok()?;
    #[cfg(not(unix))]
    let len = {
        let _ = file;
        None::<usize>?
    };
    buffer.get(..len)
}

pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n')
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// Parses a decimal number, which may have white space around it.
pub(crate) fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}

/// Returns the first number behind `name`, in the first line that begins with `name`.
pub(crate) fn field(text: &[u8], name: &str) -> Option<u64> {
    let line = lines(text).find_map(|line| line.strip_prefix(name.as_bytes()))?;
    number(words(line).next()?)
}

/// Returns the value of a line `Name:   123 kB`, in bytes.
pub(crate) fn kib_field(text: &[u8], name: &str) -> Option<u64> {
    field(text, name)?.checked_mul(1024)
}

/// Returns the place of an absolute path below `root`.
pub(crate) fn under(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statm_has_pages() {
        assert_eq!(statm(b"12 34", 4096), None);
        assert_eq!(statm(b"12 34 5", 4096), Some(Resident { rss: 34 * 4096, shared: 5 * 4096 }));
    }

    #[test]
    fn a_name_cut_inside_a_letter_costs_no_figure() {
        let status =
            b"Name:\tthumbnailer-t\xc3\xb6\xc3\nVmHWM:\t    4096 kB\nVmRSS:\t    2048 kB\n";
        assert_eq!(kib_field(status, "VmHWM:"), Some(4096 << 10));
        assert_eq!(kib_field(status, "VmRSS:"), Some(2048 << 10));
        assert_eq!(kib_field(b"VmRSS:\nVmHWM: many kB\n", "VmRSS:"), None);
        assert_eq!(kib_field(b"VmHWM: 99999999999999999999 kB\n", "VmHWM:"), None);
    }

    #[test]
    fn the_start_is_field_22_in_clock_ticks_whatever_the_program_is_called() {
        let rest = b" S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 350 20 21\n";
        for name in [&b"app"[..], b"a) S (b c", b"t\xc3\xb6\xc3", b"two\nlines"] {
            let stat = [b"7 (", name, b")", rest].concat();
            assert_eq!(started(&stat, 100), Some(3_500_000_000), "{name:?}");
            assert_eq!(started(&stat, 1000), Some(350_000_000), "{name:?}");
        }
        assert_eq!(started(b"7 (app) S 1 2", 100), None);
        assert_eq!(started(b"", 100), None);
    }
}
