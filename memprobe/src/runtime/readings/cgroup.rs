//! The memory cgroups of a process, version 1 or 2, with their limits and their usage.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::runtime::readings::cgroup_version::Version;
use crate::runtime::readings::mounts::{Place, own_group, places};
use crate::runtime::readings::proc::{field, number, read_at_start, under};
use crate::runtime::sync::atomic::{AtomicU64, Ordering::Relaxed};
use crate::values::process::{Limit, LimitSource};

/// The value of a limit if there is none.
pub(crate) const UNLIMITED: u64 = u64::MAX;

/// The bytes of a file that are read at most. The fields of `memory.stat` that are needed lie
/// within them.
const LONGEST: usize = 4096;

/// The memory cgroup of a process and those above it that can be seen, innermost first. Their
/// files are kept open, so that reading them allocates nothing.
#[derive(Default)]
pub(crate) struct Groups(Vec<Group>);

/// One cgroup.
pub(crate) struct Group {
    dir: PathBuf,
    version: Version,
    limit: File,
    usage: Option<File>,
    stat: Option<File>,
    /// The highest usage that was read, in bytes.
    highest: AtomicU64,
}

/// The smallest limit of all groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tightest {
    /// In bytes; [`UNLIMITED`] if no group has a limit.
    pub bytes: u64,
    /// The index of the group that has the limit, or of the one nearest to it.
    at: usize,
    /// True if the limit belongs to a group further above, whose files are out of reach.
    is_above: bool,
}

impl Groups {
    /// Finds the groups of the process in the files under `root`, which tests can choose.
    pub fn find(root: &Path) -> Groups {
        let text = |path| fs::read(root.join(path)).unwrap_or_default();
        let Some((version, own)) = own_group(&text("proc/self/cgroup")) else {
            return Groups::default();
        };
        places(version, &own, &text("proc/self/mountinfo"))
            .iter()
            .map(|place| Groups::open(root, version, place))
            .find(|groups| !groups.is_empty())
            .unwrap_or_default()
    }

    fn open(root: &Path, version: Version, Place { at, inside }: &Place) -> Groups {
        let dirs = inside.ancestors().map(|above| at.join(above));
        Groups(dirs.filter_map(|dir| Group::open(root, version, dir)).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads the smallest limit; `None` if it cannot be read.
    pub fn limit(&self) -> Option<Tightest> {
        let own = self.0.iter().enumerate().filter_map(|(at, group)| {
            Some(Tightest { bytes: group.limit()?, at, is_above: false })
        });
        // The innermost group reports a limit for all groups above it, even those out of reach.
        let above = self.0.first().and_then(Group::limit_of_all);
        let above = above.map(|bytes| Tightest { bytes, at: self.0.len() - 1, is_above: true });
        own.chain(above).min_by_key(|tightest| tightest.bytes)
    }

    /// Returns the limit with its source; `None` if there is none.
    pub fn limit_with_source(&self, tightest: Tightest) -> Option<Limit> {
        let Tightest { bytes, at, is_above } = tightest;
        let group = self.0.get(at).filter(|_| bytes != UNLIMITED)?;
        let source = if is_above {
            LimitSource::CgroupAbove(self.0.first()?.dir.join("memory.stat"))
        } else {
            LimitSource::Cgroup(group.dir.join(group.version.limit_file()))
        };
        Some(Limit { bytes, source })
    }

    /// Returns the group with the smallest limit, or the innermost if no group has a limit.
    pub fn tightest(&self, tightest: Option<Tightest>) -> Option<&Group> {
        let at = tightest.filter(|tightest| tightest.bytes != UNLIMITED).map_or(0, |it| it.at);
        self.0.get(at)
    }
}

impl Group {
    fn open(root: &Path, version: Version, dir: PathBuf) -> Option<Group> {
        let inside = under(root, &dir);
        let open = |name| File::open(inside.join(name)).ok();
        Some(Group {
            limit: open(version.limit_file())?,
            usage: open(version.usage_file()),
            stat: open("memory.stat"),
            dir,
            version,
            highest: AtomicU64::new(0),
        })
    }

    /// Opens the group of a limit that was found before.
    pub fn of(limit: &Limit) -> Option<Group> {
        let (LimitSource::Cgroup(file) | LimitSource::CgroupAbove(file)) = &limit.source else {
            return None;
        };
        let dir = file.parent()?;
        let open = |version| Group::open(Path::new("/"), version, dir.to_owned());
        open(Version::V1).or_else(|| open(Version::V2))
    }

    fn limit(&self) -> Option<u64> {
        limit(read_at_start(&self.limit, &mut [0; LONGEST])?)
    }

    /// Reads the smallest limit of this group and of all above it, which version 2 does not report.
    fn limit_of_all(&self) -> Option<u64> {
        match self.version {
            Version::V1 => {
                let mut buffer = [0; LONGEST];
                let stat = read_at_start(self.stat.as_ref()?, &mut buffer)?;
                field(stat, "hierarchical_memory_limit ").map(limit_v1)
            }
            Version::V2 => None,
        }
    }

    /// Reads the usage less all page cache, in bytes. Takes 5 to 50 µs.
    pub fn usage(&self) -> Option<u64> {
        let mut buffer = [0; LONGEST];
        let usage = number(read_at_start(self.usage.as_ref()?, &mut buffer)?)?;
        let stat = read_at_start(self.stat.as_ref()?, &mut buffer)?;
        let [inactive, active] = self.version.file_caches().map(|name| field(stat, name));
        let usage = usage.saturating_sub(inactive?).saturating_sub(active?);
        self.highest.fetch_max(usage, Relaxed);
        Some(usage)
    }

    /// Returns the highest usage that was read, in bytes.
    pub fn highest_read(&self) -> u64 {
        self.highest.load(Relaxed)
    }

    /// Reads the highest usage that the kernel has counted, in bytes and with page cache. Opens a
    /// file.
    pub fn highest_with_cache(&self, root: &Path) -> Option<u64> {
        let file = under(root, &self.dir).join(self.version.highest_file());
        number(&fs::read(file).ok()?)
    }
}

/// Parses the text of a limit file.
fn limit(text: &[u8]) -> Option<u64> {
    match text.trim_ascii() {
        b"max" => Some(UNLIMITED),
        text => number(text).map(limit_v1),
    }
}

/// Version 1 writes "unlimited" as the largest page-aligned `i64`.
fn limit_v1(bytes: u64) -> u64 {
    if bytes < 1 << 62 { bytes } else { UNLIMITED }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_both_versions() {
        assert_eq!(limit(b"max\n"), Some(UNLIMITED));
        assert_eq!(limit(b"9223372036854771712\n"), Some(UNLIMITED));
        assert_eq!(limit(b"0\n"), Some(0));
        assert_eq!(limit(b"-1\n"), None);
        assert_eq!(limit(b""), None);
    }
}
