//! What the operating system says of the process: RSS, its highest, and the limit.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::fork::Origin;
use crate::process::{Limit, LimitSource, Process};

/// Reads the figures of the process now. Takes 8 to 130 µs, most of it for jemalloc's epoch.
///
/// ```
/// let process = memprobe::process();
/// if let (Some(used), Some(limit)) = (process.used(), &process.limit) {
///     println!("{used} of {} bytes, by {}", limit.bytes, limit.source);
/// }
/// ```
pub fn process() -> Process {
    Process { heap: crate::jemalloc::heap(), ..System::at(Path::new("/")).read() }
}

/// The limit, looked up once: neither Lambda nor a container changes it under a process.
pub(crate) fn limit() -> Option<u64> {
    static LIMIT: OnceLock<Option<u64>> = OnceLock::new();
    *LIMIT.get_or_init(|| find_limit().map(|limit| limit.bytes))
}

/// The limit as it is now, with its source.
pub(crate) fn find_limit() -> Option<Limit> {
    System::at(Path::new("/")).limit()
}

/// RSS by one `pread` of a descriptor that is kept; 0.7 µs.
pub(crate) fn rss() -> Option<u64> {
    resident().map(|resident| resident.rss)
}

/// What of the process is in memory, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resident {
    pub rss: u64,
    /// What of it are files and shared memory.
    pub shared: u64,
}

/// RSS and its parts, by the same `pread`.
pub(crate) fn resident() -> Option<Resident> {
    struct Kept {
        page: u64,
        origin: Origin,
        file: Option<File>,
    }
    fn open() -> Option<File> {
        File::open("/proc/self/statm").ok()
    }
    static KEPT: OnceLock<Kept> = OnceLock::new();
    let kept =
        KEPT.get_or_init(|| Kept { page: page_size(), origin: Origin::here(), file: open() });
    let mut buffer = [0; 96];
    let len = match &kept.file {
        Some(file) if kept.origin.is_here() => read_at_start(file, &mut buffer)?,
        // A kept descriptor goes on reading the process that opened it; and where there was
        // none to be had, there may be one now.
        _ => read_at_start(&open()?, &mut buffer)?,
    };
    statm(buffer.get(..len)?, kept.page)
}

#[cfg(unix)]
fn read_at_start(file: &File, buffer: &mut [u8]) -> Option<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, 0).ok()
}

#[cfg(not(unix))]
fn read_at_start(_file: &File, _buffer: &mut [u8]) -> Option<usize> {
    None
}

/// The second and the third figure, which are pages.
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

/// `AT_PAGESZ` of the auxiliary vector: 16 bytes a pair on every 64-bit Linux.
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

/// `VmHWM`, bytes.
pub(crate) fn rss_max() -> Option<u64> {
    kib_field(&fs::read_to_string("/proc/self/status").ok()?, "VmHWM:")
}

/// Age of the process at `now`, by the fine clock: shown beside events because not every
/// subscriber prints a time. Where the kernel does not tell it, since this was first asked.
pub(crate) fn uptime_us(now: u64) -> u64 {
    static START: OnceLock<u64> = OnceLock::new();
    let age = || since_start_us().unwrap_or(0).wrapping_mul(1000);
    let start = *START.get_or_init(|| now.wrapping_sub(age()));
    // Another thread may have asked first with a later `now`.
    (now.wrapping_sub(start) as i64).max(0) as u64 / 1000
}

/// Age of the process, from field 22 of `/proc/self/stat`, in clock ticks of 10 ms.
fn since_start_us() -> Option<u64> {
    const TICK_US: u64 = 10_000;
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let uptime: f64 = uptime.split_ascii_whitespace().next()?.parse().ok()?;
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let ticks: u64 = stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.parse().ok()?;
    ((uptime * 1e6) as u64).checked_sub(ticks * TICK_US)
}

/// The value of a line `Name:   123 kB`, in bytes.
fn kib_field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1024)
}

/// The files of a system, under a root that tests can choose.
pub(crate) struct System<'a> {
    root: &'a Path,
    lambda: Option<String>,
}

impl<'a> System<'a> {
    pub fn at(root: &'a Path) -> System<'a> {
        System { root, lambda: std::env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").ok() }
    }

    fn text(&self, path: impl AsRef<Path>) -> Option<String> {
        let path = path.as_ref();
        fs::read_to_string(self.root.join(path.strip_prefix("/").unwrap_or(path))).ok()
    }

    pub fn read(&self) -> Process {
        let status = self.text("/proc/self/status").unwrap_or_default();
        let groups = self.groups();
        let rss = if self.root == Path::new("/") { rss() } else { kib_field(&status, "VmRSS:") };
        Process {
            heap: None,
            rss,
            // The kernel adds up its counters now and then, so its highest may lag behind.
            rss_max: kib_field(&status, "VmHWM:").max(rss),
            cgroup_usage: self.usage(&groups),
            limit: self.limit(),
            address_space_limit: self.address_space_limit(),
            physical: self.text("/proc/meminfo").and_then(|text| kib_field(&text, "MemTotal:")),
        }
    }

    /// Lambda's memory size, else the smallest limit of the process's cgroup and of all
    /// above it.
    pub fn limit(&self) -> Option<Limit> {
        let lambda = self.lambda.as_deref().and_then(|mib| mib.trim().parse::<u64>().ok());
        if let Some(bytes) = lambda.and_then(|mib| mib.checked_mul(1 << 20)).filter(|&b| b > 0) {
            return Some(Limit { bytes, source: LimitSource::Lambda });
        }
        self.groups()
            .iter()
            .filter_map(|group| {
                let file = group.dir.join(group.version.limit_file());
                let bytes: u64 = self.text(&file)?.trim().parse().ok()?;
                // Version 1 says "unlimited" by the largest page-aligned i64.
                (bytes < 1 << 62).then_some(Limit { bytes, source: LimitSource::Cgroup(file) })
            })
            .min_by_key(|limit| limit.bytes)
    }

    /// Usage of the group whose limit is the smallest, or of the process's own.
    fn usage(&self, groups: &[Group]) -> Option<u64> {
        let tightest = match self.limit().map(|limit| limit.source) {
            Some(LimitSource::Cgroup(file)) => groups.iter().find(|g| file.starts_with(&g.dir)),
            _ => groups.first(),
        };
        let group = tightest?;
        let usage: u64 =
            self.text(group.dir.join(group.version.usage_file()))?.trim().parse().ok()?;
        let stat = self.text(group.dir.join("memory.stat"))?;
        Some(usage.saturating_sub(field(&stat, group.version.file_caches()[0])?))
    }

    /// The process's memory cgroup and those above it, innermost first.
    fn groups(&self) -> Vec<Group> {
        let lines = self.text("/proc/self/cgroup").unwrap_or_default();
        let mounts = self.text("/proc/self/mountinfo").unwrap_or_default();
        let mut entries = lines.lines().filter_map(|line| {
            let (_, rest) = line.split_once(':')?;
            rest.split_once(':')
        });
        // In a hybrid set-up the memory controller is in version 1 if it is named there.
        let (version, path) =
            match entries.clone().find(|(names, _)| names.split(',').any(|n| n == "memory")) {
                Some((_, path)) => (Version::V1, path),
                None => match entries.find(|(names, _)| names.is_empty()) {
                    Some((_, path)) => (Version::V2, path),
                    None => return Vec::new(),
                },
            };
        let Some(mount) = mounts.lines().find_map(|line| Mount::parse(line, version)) else {
            return Vec::new();
        };
        let mut groups = Vec::new();
        // Inside a container the mount shows a part of the tree: what stands above it is
        // out of reach. Where the path leads out of the mount, its top is the group itself.
        let inside = Path::new(path).strip_prefix(&mount.shows).unwrap_or(Path::new(""));
        let outside = inside.components().any(|part| part.as_os_str() == "..");
        let inside = if outside { Path::new("") } else { inside };
        for above in inside.ancestors() {
            groups.push(Group { dir: mount.at.join(above), version });
        }
        groups
    }

    fn address_space_limit(&self) -> Option<u64> {
        let limits = self.text("/proc/self/limits")?;
        let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
        line.split_ascii_whitespace().next()?.parse().ok()
    }
}

/// The usage of the cgroup that sets a limit, by descriptors that are kept: reading it
/// allocates nothing.
pub(crate) struct GroupUsage {
    usage: File,
    stat: File,
    version: Version,
}

impl GroupUsage {
    /// `None` where no cgroup sets the limit.
    pub fn of(limit: &Limit) -> Option<GroupUsage> {
        let LimitSource::Cgroup(file) = &limit.source else { return None };
        let version = [Version::V1, Version::V2]
            .into_iter()
            .find(|version| file.ends_with(version.limit_file()))?;
        let dir = file.parent()?;
        Some(GroupUsage {
            usage: File::open(dir.join(version.usage_file())).ok()?,
            stat: File::open(dir.join("memory.stat")).ok()?,
            version,
        })
    }

    /// Usage less all page cache, bytes; 5 to 50 µs.
    pub fn read(&self) -> Option<u64> {
        let mut buffer = [0; 4096];
        let len = read_at_start(&self.usage, &mut buffer)?;
        let usage: u64 = std::str::from_utf8(&buffer[..len]).ok()?.trim().parse().ok()?;
        let len = read_at_start(&self.stat, &mut buffer)?;
        let stat = std::str::from_utf8(&buffer[..len]).ok()?;
        let [inactive, active] = self.version.file_caches().map(|name| field(stat, name));
        Some(usage.saturating_sub(inactive?).saturating_sub(active?))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    V1,
    V2,
}

impl Version {
    fn limit_file(self) -> &'static str {
        match self {
            Version::V1 => "memory.limit_in_bytes",
            Version::V2 => "memory.max",
        }
    }

    fn usage_file(self) -> &'static str {
        match self {
            Version::V1 => "memory.usage_in_bytes",
            Version::V2 => "memory.current",
        }
    }

    /// Fields of `memory.stat` with the page cache: first what was not used lately, then the
    /// rest. The kernel takes back both before it kills.
    fn file_caches(self) -> [&'static str; 2] {
        match self {
            Version::V1 => ["total_inactive_file ", "total_active_file "],
            Version::V2 => ["inactive_file ", "active_file "],
        }
    }
}

/// The value of a line of `memory.stat`.
fn field(stat: &str, name: &str) -> Option<u64> {
    stat.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

struct Group {
    dir: PathBuf,
    version: Version,
}

/// One cgroup mount of `/proc/self/mountinfo`.
struct Mount {
    /// The part of the group tree that it shows.
    shows: PathBuf,
    at: PathBuf,
}

impl Mount {
    fn parse(line: &str, version: Version) -> Option<Mount> {
        let (place, kind) = line.split_once(" - ")?;
        let mut kind = kind.split(' ');
        let is_ours = match version {
            Version::V1 => {
                kind.next() == Some("cgroup")
                    && kind.nth(1)?.split(',').any(|name| name == "memory")
            }
            Version::V2 => kind.next() == Some("cgroup2"),
        };
        let mut place = place.split(' ').skip(3);
        let (shows, at) = (place.next()?, place.next()?);
        is_ours.then(|| Mount { shows: shows.into(), at: at.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// A file tree under a root of its own, removed when it is dropped.
    struct Tree(PathBuf);

    impl Tree {
        fn new(name: &str, files: &[(&str, &str)]) -> Tree {
            let root = std::env::temp_dir().join(format!("memprobe-{name}-{}", std::process::id()));
            for (path, text) in files {
                let path = root.join(path);
                fs::create_dir_all(path.parent().expect("in the root")).expect("a directory");
                fs::write(path, text).expect("a file");
            }
            Tree(root)
        }

        fn read(&self) -> Process {
            System { root: &self.0, lambda: None }.read()
        }

        fn read_in_lambda(&self, mib: &str) -> Process {
            System { root: &self.0, lambda: Some(mib.to_owned()) }.read()
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn cgroup(bytes: u64, file: &str) -> Limit {
        Limit { bytes, source: LimitSource::Cgroup(file.into()) }
    }

    const V2_MOUNT: &str = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec shared:4 - cgroup2 cgroup2 rw,nsdelegate
";

    #[test]
    fn v2_takes_the_smallest_limit_of_all_ancestors() {
        let tree = Tree::new(
            "v2-nested",
            &[
                ("proc/self/cgroup", "0::/app.slice/app.service\n"),
                ("proc/self/mountinfo", V2_MOUNT),
                ("proc/self/status", "Name:\tapp\nVmHWM:\t    4096 kB\nVmRSS:\t    2048 kB\n"),
                (
                    "proc/self/limits",
                    "Limit   Soft   Hard   Units\nMax address space         1073741824           unlimited            bytes     \n",
                ),
                ("proc/meminfo", "MemTotal:       16384 kB\n"),
                ("sys/fs/cgroup/app.slice/memory.max", "268435456\n"),
                ("sys/fs/cgroup/app.slice/memory.current", "104857600\n"),
                ("sys/fs/cgroup/app.slice/memory.stat", "anon 1\nfile 9\ninactive_file 10485760\n"),
                ("sys/fs/cgroup/app.slice/app.service/memory.max", "536870912\n"),
                ("sys/fs/cgroup/app.slice/app.service/memory.current", "1048576\n"),
                ("sys/fs/cgroup/app.slice/app.service/memory.stat", "inactive_file 0\n"),
            ],
        );
        let process = tree.read();
        assert_eq!(process.limit, Some(cgroup(256 * MIB, "/sys/fs/cgroup/app.slice/memory.max")));
        assert_eq!(process.cgroup_usage, Some(90 * MIB), "of the group with the limit");
        assert_eq!(process.used(), Some(90 * MIB), "more than RSS");
        assert_eq!((process.rss, process.rss_max), (Some(2 * MIB), Some(4 * MIB)));
        assert_eq!(process.address_space_limit, Some(1 << 30));
        assert_eq!(process.physical, Some(16 * MIB));

        let process = tree.read_in_lambda("128");
        let limit = Limit { bytes: 128 * MIB, source: LimitSource::Lambda };
        assert_eq!(process.limit, Some(limit), "Lambda's goes first");
        assert_eq!(process.used(), Some(2 * MIB), "the cgroup is not what Lambda counts");
        assert_eq!(tree.read_in_lambda("a lot").limit, tree.read().limit);
    }

    #[test]
    fn v2_in_a_namespaced_container() {
        let tree = Tree::new(
            "v2-namespaced",
            &[
                ("proc/self/cgroup", "0::/\n"),
                ("proc/self/mountinfo", V2_MOUNT),
                ("sys/fs/cgroup/memory.max", "134217728\n"),
                ("sys/fs/cgroup/memory.current", "1048576\n"),
                ("sys/fs/cgroup/memory.stat", "inactive_file 2097152\n"),
            ],
        );
        let process = tree.read();
        assert_eq!(process.limit, Some(cgroup(128 * MIB, "/sys/fs/cgroup/memory.max")));
        assert_eq!(process.cgroup_usage, Some(0), "never below 0");
    }

    #[test]
    fn v2_without_a_limit() {
        let files = [
            ("proc/self/cgroup", "0::/app\n"),
            ("proc/self/mountinfo", V2_MOUNT),
            ("sys/fs/cgroup/app/memory.max", "max\n"),
            ("sys/fs/cgroup/app/memory.current", "7\n"),
            ("sys/fs/cgroup/app/memory.stat", "inactive_file 0\n"),
        ];
        let process = Tree::new("v2-unlimited", &files).read();
        assert_eq!((process.limit, process.cgroup_usage), (None, Some(7)));
    }

    const V1_CGROUP: &str = "\
11:cpu,cpuacct:/docker/0123abcd
5:memory:/docker/0123abcd
1:name=systemd:/docker/0123abcd
";

    #[test]
    fn v1_in_docker() {
        let tree = Tree::new(
            "v1-docker",
            &[
                ("proc/self/cgroup", V1_CGROUP),
                (
                    "proc/self/mountinfo",
                    "40 39 0:30 /docker/0123abcd /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n\
                     41 39 0:31 /docker/0123abcd /sys/fs/cgroup/memory ro,nosuid master:9 - cgroup cgroup rw,memory\n",
                ),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "67108864\n"),
                ("sys/fs/cgroup/memory/memory.usage_in_bytes", "33554432\n"),
                (
                    "sys/fs/cgroup/memory/memory.stat",
                    "inactive_file 1\ntotal_inactive_file 1048576\n",
                ),
            ],
        );
        let process = tree.read();
        assert_eq!(
            process.limit,
            Some(cgroup(64 * MIB, "/sys/fs/cgroup/memory/memory.limit_in_bytes"))
        );
        assert_eq!(process.cgroup_usage, Some(31 * MIB));
    }

    #[test]
    fn the_usage_of_a_group_is_without_its_page_cache() {
        let v1 = "memory/memory.limit_in_bytes";
        let v2 = "app/memory.max";
        let tree = Tree::new(
            "usage",
            &[
                ("memory/memory.usage_in_bytes", "9000\n"),
                (
                    "memory/memory.stat",
                    "active_file 1\ntotal_inactive_file 2000\ntotal_active_file 300\n",
                ),
                ("app/memory.current", "9000\n"),
                ("app/memory.stat", "anon 1\ninactive_file 8000\nactive_file 2000\n"),
            ],
        );
        let usage = |file: &str| {
            let group = GroupUsage::of(&cgroup(1, tree.0.join(file).to_str().expect("text")));
            group.and_then(|group| group.read())
        };
        assert_eq!(usage(v1), Some(6700));
        assert_eq!(usage(v2), Some(0), "never below 0");
        assert_eq!(usage("memory/memory.max"), None, "no such files");
        assert!(GroupUsage::of(&Limit::of_bytes(1)).is_none());
    }

    #[test]
    fn v1_unlimited() {
        let tree = Tree::new(
            "v1-unlimited",
            &[
                ("proc/self/cgroup", "5:memory:/\n"),
                (
                    "proc/self/mountinfo",
                    "41 39 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
                ),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ],
        );
        assert_eq!(tree.read(), Process::default());
    }

    #[test]
    fn hybrid_has_the_memory_controller_in_v1() {
        let tree = Tree::new(
            "hybrid",
            &[
                ("proc/self/cgroup", "3:memory:/app\n1:name=systemd:/app\n0::/app\n"),
                (
                    "proc/self/mountinfo",
                    "30 22 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
                     31 22 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
                ),
                ("sys/fs/cgroup/memory/app/memory.limit_in_bytes", "1048576\n"),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
                ("sys/fs/cgroup/unified/app/memory.max", "4096\n"),
            ],
        );
        let file = "/sys/fs/cgroup/memory/app/memory.limit_in_bytes";
        assert_eq!(tree.read().limit, Some(cgroup(MIB, file)));
    }

    #[test]
    fn what_is_malformed_or_missing_is_absent() {
        assert_eq!(Tree::new("empty", &[("proc/empty", "")]).read(), Process::default());
        let tree = Tree::new(
            "malformed",
            &[
                ("proc/self/cgroup", "nonsense\n0:\n0::/app\n"),
                (
                    "proc/self/mountinfo",
                    "1 2 3\n - cgroup2\n30 22 0:26 / /sys/fs/cgroup rw - cgroup2 x rw\n",
                ),
                ("proc/self/status", "VmRSS:\nVmHWM: many kB\n"),
                ("proc/self/limits", "Max address space\n"),
                ("proc/meminfo", "MemTotal: 99999999999999999999 kB\n"),
                ("sys/fs/cgroup/app/memory.max", "-1\n"),
                ("sys/fs/cgroup/app/memory.current", "\n"),
            ],
        );
        assert_eq!(tree.read(), Process::default());
        assert_eq!(statm(b"12 34", 4096), None);
        assert_eq!(statm(b"12 34 5", 4096), Some(Resident { rss: 34 * 4096, shared: 5 * 4096 }));
    }
}
