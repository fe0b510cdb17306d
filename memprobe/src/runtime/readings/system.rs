//! Reads the operating system's figures of the process into a [`Process`].

use std::fs;
use std::path::Path;

use crate::runtime::readings::cgroup::Groups;
use crate::runtime::readings::proc::{kib_field, lines, number, under};
use crate::runtime::readings::thread::for_caller;
use crate::runtime::readings::{jemalloc, limit, pages, resident};
use crate::values::process::{Limit, LimitSource, Process};

/// Reads the figures of the process now. Takes 50 to 300 µs.
///
/// # Examples
///
/// ```
/// let process = memprobe::process();
/// if let (Some(used), Some(limit)) = (process.used(), &process.limit) {
///     println!("{used} of {} bytes, by {}", limit.bytes, limit.source);
/// }
/// ```
pub fn process() -> Process {
    for_caller(read)
}

fn read() -> Process {
    let mut process = here().read(limit::find(), resident::rss());
    process.heap = jemalloc::heap();
    if !cfg!(any(target_os = "linux", target_os = "android")) {
        process.peak_rss = process.peak_rss.max(resident::peak_rss());
        process.physical_memory = pages::physical_memory();
    }
    process
}

/// Returns the limit as it is now, with its source.
pub(crate) fn find_limit() -> Option<Limit> {
    here().limit(limit::find())
}

fn here() -> System<'static> {
    System { root: Path::new("/"), lambda: limit::lambda() }
}

/// The files of a system, under a root that tests can choose.
struct System<'a> {
    root: &'a Path,
    /// Lambda's memory size, in bytes.
    lambda: Option<u64>,
}

impl System<'_> {
    fn text(&self, path: &str) -> Option<Vec<u8>> {
        // There is none on Windows, but an emulator may show that of its host.
        if cfg!(windows) {
            return None;
        }
        fs::read(under(self.root, Path::new(path))).ok()
    }

    fn read(&self, groups: &Groups, rss: Option<u64>) -> Process {
        let status = self.text("/proc/self/status").unwrap_or_default();
        // The kernel sums its counters only now and then, so `VmHWM` may lag behind RSS.
        let peak_rss = kib_field(&status, "VmHWM:").max(rss);
        let limit = self.limit(groups);
        let (cgroup_usage, cgroup_usage_max) = self.usage(groups, &status, peak_rss);
        Process {
            heap: None,
            rss,
            peak_rss,
            cgroup_usage,
            cgroup_usage_max,
            limit,
            address_space_limit: self.address_space_limit(),
            physical_memory: self
                .text("/proc/meminfo")
                .and_then(|text| kib_field(&text, "MemTotal:")),
        }
    }

    /// Returns Lambda's memory size, or else the smallest limit of the process's cgroup and of
    /// all above it.
    fn limit(&self, groups: &Groups) -> Option<Limit> {
        match self.lambda {
            Some(bytes) => Some(Limit { bytes, source: LimitSource::Lambda }),
            None => groups.limit().and_then(|tightest| groups.limit_with_source(tightest)),
        }
    }

    /// Returns the usage of the group with the smallest limit, and its highest as far as it is
    /// known: the highest that was read or, if that is more, what this process alone had at most.
    fn usage(
        &self,
        groups: &Groups,
        status: &[u8],
        peak_rss: Option<u64>,
    ) -> (Option<u64>, Option<u64>) {
        let tightest = groups.limit();
        let Some(group) = groups.tightest(tightest) else { return (None, None) };
        let Some(usage) = group.usage() else { return (None, None) };
        let read = group.highest_read();
        // RSS includes mapped files. A cgroup counts them as cache, or not at all.
        let files = kib_field(status, "RssFile:");
        let own = peak_rss.zip(files).map(|(rss, files)| rss.saturating_sub(files));
        let most = group.highest_with_cache(self.root).or(tightest.map(|limit| limit.bytes));
        let own = own.zip(most).map(|(own, most)| own.min(most));
        (Some(usage), own.max(Some(read)))
    }

    fn address_space_limit(&self) -> Option<u64> {
        let limits = self.text("/proc/self/limits")?;
        let line = lines(&limits).find_map(|line| line.strip_prefix(b"Max address space"))?;
        number(line.trim_ascii().split(u8::is_ascii_whitespace).next()?)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::runtime::readings::cgroup::Group;

    pub const MIB: u64 = 1 << 20;

    /// A file tree under a root of its own, removed when it is dropped.
    pub struct Tree(PathBuf);

    impl Tree {
        pub fn new<Text: AsRef<[u8]>>(name: &str, files: &[(&str, Text)]) -> Tree {
            let root = std::env::temp_dir().join(format!("memprobe-{name}-{}", std::process::id()));
            for (path, text) in files {
                let path = root.join(path);
                fs::create_dir_all(path.parent().expect("in the root")).expect("a directory");
                fs::write(path, text).expect("a file");
            }
            Tree(root)
        }

        pub fn read(&self) -> Process {
            self.read_in(None)
        }

        fn read_in(&self, lambda: Option<u64>) -> Process {
            let system = System { root: &self.0, lambda };
            let status = system.text("/proc/self/status").unwrap_or_default();
            system.read(&Groups::find(&self.0), kib_field(&status, "VmRSS:"))
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    pub fn cgroup(bytes: u64, file: &str) -> Limit {
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
                (
                    "sys/fs/cgroup/app.slice/memory.stat",
                    "anon 1\nfile 9\ninactive_file 8388608\nactive_file 2097152\n",
                ),
                ("sys/fs/cgroup/app.slice/app.service/memory.max", "536870912\n"),
                ("sys/fs/cgroup/app.slice/app.service/memory.current", "1048576\n"),
                (
                    "sys/fs/cgroup/app.slice/app.service/memory.stat",
                    "inactive_file 0\nactive_file 0\n",
                ),
            ],
        );
        let process = tree.read();
        assert_eq!(process.limit, Some(cgroup(256 * MIB, "/sys/fs/cgroup/app.slice/memory.max")));
        assert_eq!(process.cgroup_usage, Some(90 * MIB), "of the group with the limit");
        assert_eq!(process.used(), Some(90 * MIB), "more than RSS");
        assert_eq!((process.rss, process.peak_rss), (Some(2 * MIB), Some(4 * MIB)));
        assert_eq!(process.address_space_limit, Some(1 << 30));
        assert_eq!(process.physical_memory, Some(16 * MIB));

        let process = tree.read_in(Some(128 * MIB));
        let limit = Limit { bytes: 128 * MIB, source: LimitSource::Lambda };
        assert_eq!(process.limit, Some(limit), "Lambda's goes first");
        assert_eq!(process.used(), Some(2 * MIB), "the cgroup is not what Lambda counts");
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
                ("sys/fs/cgroup/memory.stat", "inactive_file 2097152\nactive_file 0\n"),
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
            ("sys/fs/cgroup/app/memory.stat", "inactive_file 0\nactive_file 0\n"),
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
                    "inactive_file 1\ntotal_inactive_file 1048576\ntotal_active_file 1048576\n",
                ),
            ],
        );
        let process = tree.read();
        assert_eq!(
            process.limit,
            Some(cgroup(64 * MIB, "/sys/fs/cgroup/memory/memory.limit_in_bytes"))
        );
        assert_eq!(process.cgroup_usage, Some(30 * MIB), "without page cache");
    }

    #[test]
    fn the_group_of_a_limit_that_is_given() {
        let tree = Tree::new(
            "usage",
            &[
                ("memory/memory.limit_in_bytes", "9000\n"),
                ("memory/memory.usage_in_bytes", "9000\n"),
                (
                    "memory/memory.stat",
                    "active_file 1\ntotal_inactive_file 2000\ntotal_active_file 300\n",
                ),
                ("app/memory.max", "9000\n"),
                ("app/memory.current", "9000\n"),
                ("app/memory.stat", "anon 1\ninactive_file 8000\nactive_file 2000\n"),
            ],
        );
        let usage = |file: &str| {
            let group = Group::of(&cgroup(1, tree.0.join(file).to_str().expect("text")));
            group.and_then(|group| group.usage())
        };
        assert_eq!(usage("memory/memory.limit_in_bytes"), Some(6700));
        assert_eq!(usage("app/memory.max"), Some(0), "never below 0");
        assert_eq!(usage("other/memory.max"), None, "no such files");
        assert!(Group::of(&Limit::from_bytes(1)).is_none());
    }

    const STATUS: &str =
        "VmHWM:\t  262144 kB\nVmRSS:\t  262144 kB\nRssAnon:\t  245760 kB\nRssFile:\t  16384 kB\n";

    #[test]
    fn the_highest_is_never_above_what_the_cgroup_has_counted() {
        let highest = |name, peak: Option<&str>| {
            let mut files = vec![
                ("proc/self/cgroup", "0::/\n"),
                ("proc/self/mountinfo", V2_MOUNT),
                ("proc/self/status", STATUS),
                ("sys/fs/cgroup/memory.max", "251658240\n"),
                ("sys/fs/cgroup/memory.current", "209715200\n"),
                ("sys/fs/cgroup/memory.stat", "inactive_file 0\nactive_file 0\n"),
            ];
            files.extend(peak.map(|peak| ("sys/fs/cgroup/memory.peak", peak)));
            let process = Tree::new(name, &files).read();
            assert_eq!((process.rss, process.used()), (Some(256 * MIB), Some(200 * MIB)));
            assert_eq!(process.peak_used(), process.cgroup_usage_max);
            process.peak_used()
        };
        assert_eq!(highest("peak-240", Some("251658240")), Some(240 * MIB), "without files");
        assert_eq!(highest("peak-220", Some("230686720")), Some(220 * MIB));
        assert_eq!(highest("peak-none", None), Some(240 * MIB), "before Linux 5.19");
    }

    #[test]
    fn v1_tells_of_limits_above_what_can_be_seen() {
        let tree = |name, own: &str| {
            let files = [
                ("proc/self/cgroup", "9:memory:/ecs/8c0e/4f21\n"),
                (
                    "proc/self/mountinfo",
                    "714 701 0:34 /ecs/8c0e/4f21 /sys/fs/cgroup/memory ro master:16 - cgroup cgroup rw,memory\n",
                ),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", own),
                ("sys/fs/cgroup/memory/memory.usage_in_bytes", "3000\n"),
                (
                    "sys/fs/cgroup/memory/memory.stat",
                    "hierarchical_memory_limit 1073741824\ntotal_inactive_file 0\ntotal_active_file 0\n",
                ),
            ];
            Tree::new(name, &files).read()
        };
        let process = tree("ecs", "9223372036854771712\n");
        let limit = process.limit.clone().expect("the task's");
        assert_eq!(limit.bytes, 1 << 30);
        let file = "/sys/fs/cgroup/memory/memory.stat";
        assert_eq!(limit.source, LimitSource::CgroupAbove(file.into()));
        assert_eq!(limit.source.to_string(), format!("hierarchical_memory_limit in {file}"));
        assert_eq!(process.used(), Some(3000), "of the group nearest to it");
        let own = "/sys/fs/cgroup/memory/memory.limit_in_bytes";
        assert_eq!(tree("ecs-own", "1048576\n").limit, Some(cgroup(MIB, own)), "the smaller");
        assert_eq!(tree("ecs-same", "1073741824\n").limit, Some(cgroup(1 << 30, own)));
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
        let empty = Tree::new("empty", &[("proc/empty", "")]);
        assert_eq!(empty.read(), Process::default());
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
    }
}
