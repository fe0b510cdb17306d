//! What the kernel tells in `/proc`: how to read its texts, and the age of the process.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::runtime::readings::clock;
use crate::runtime::sync::OnceLock;

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
