//! Finds the places where the memory cgroups of a process are mounted.

use std::path::{Path, PathBuf};

use crate::runtime::readings::cgroup_version::Version;
use crate::runtime::readings::proc::lines;

/// Returns the version that has the memory controller, and the process's group in it.
pub(crate) fn own_group(cgroup: &[u8]) -> Option<(Version, PathBuf)> {
    let entries = || {
        lines(cgroup).filter_map(|line| {
            let mut parts = line.splitn(3, |&byte| byte == b':').skip(1);
            Some((parts.next()?, parts.next()?))
        })
    };
    // In a hybrid set-up the memory controller is in version 1 if it is named there.
    let v1 = entries().find(|(names, _)| is_listed(names, b"memory"));
    let v1 = v1.map(|(_, own)| (Version::V1, own));
    let v2 = || entries().find(|(names, _)| names.is_empty()).map(|(_, own)| (Version::V2, own));
    v1.or_else(v2).map(|(version, own)| (version, path(own.to_vec())))
}

/// A mount point, and the path of a group below it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub at: PathBuf,
    pub inside: PathBuf,
}

/// Returns the places where the group `own` may be found, most certain first.
pub(crate) fn places(version: Version, own: &Path, mountinfo: &[u8]) -> Vec<Place> {
    let mounts: Vec<Mount> =
        lines(mountinfo).filter_map(|line| Mount::parse(line, version)).collect();
    // A mount whose root leads to the group shows it and the groups between them: the higher the
    // root, the more of those.
    let mut sure: Vec<(usize, Place)> = mounts
        .iter()
        .filter_map(|Mount { shows, at }| {
            let inside = inside(own, shows)?.to_owned();
            Some((shows.components().count(), Place { at: at.clone(), inside }))
        })
        .collect();
    sure.sort_by_key(|(depth, _)| *depth);
    // If the path leads out of a mount, the mount's top may still be the group itself, most
    // likely at the usual places, where containers mount their own.
    let is_usual = |at: &Path| version.usual_mounts().iter().any(|usual| at == Path::new(usual));
    let top = |at: &Path| Place { at: at.to_owned(), inside: PathBuf::new() };
    let mut others: Vec<&Mount> =
        mounts.iter().filter(|mount| inside(own, &mount.shows).is_none()).collect();
    others.sort_by_key(|mount| !is_usual(&mount.at));
    // The files may be at the usual places even if no mount is listed.
    let usual = version.usual_mounts().iter().flat_map(|at| {
        let whole = inside(own, Path::new("/"));
        let whole = whole.map(|inside| Place { at: at.into(), inside: inside.to_owned() });
        whole.into_iter().chain([top(Path::new(at))])
    });
    let sure = sure.into_iter().map(|(_, place)| place);
    sure.chain(others.iter().map(|mount| top(&mount.at))).chain(usual).collect()
}

/// Returns the path from the root of a mount to a group; `None` if it leads out of the mount.
fn inside<'a>(own: &'a Path, shows: &Path) -> Option<&'a Path> {
    let inside = own.strip_prefix(shows).ok()?;
    inside.components().all(|part| part.as_os_str() != "..").then_some(inside)
}

/// One cgroup mount of `/proc/self/mountinfo`.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    /// The group at its top.
    shows: PathBuf,
    at: PathBuf,
}

impl Mount {
    fn parse(line: &[u8], version: Version) -> Option<Mount> {
        let separator = line.windows(3).position(|bytes| bytes == b" - ")?;
        let mut kind = line[separator + 3..].split(|&byte| byte == b' ');
        let is_ours = match version {
            Version::V1 => kind.next() == Some(b"cgroup") && is_listed(kind.nth(1)?, b"memory"),
            Version::V2 => kind.next() == Some(b"cgroup2"),
        };
        let mut place = line[..separator].split(|&byte| byte == b' ').skip(3);
        let (shows, at) = (unescape(place.next()?), unescape(place.next()?));
        is_ours.then(|| Mount { shows: path(shows), at: path(at) })
    }
}

fn is_listed(list: &[u8], name: &[u8]) -> bool {
    list.split(|&byte| byte == b',').any(|other| other == name)
}

/// Decodes a path of mountinfo, in which the kernel writes space, tab, newline, `\` and `#` as
/// `\ooo`.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = after;
        plain.push(match (first, after) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                rest = after;
                (a - b'0') << 6 | (b - b'0') << 3 | (c - b'0')
            }
            _ => *first,
        });
    }
    plain
}

#[cfg(unix)]
fn path(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt as _;
    std::ffi::OsString::from_vec(bytes).into()
}

#[cfg(not(unix))]
fn path(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::readings::system::tests::{MIB, Tree, cgroup};

    fn places_of(version: Version, own: &str, mountinfo: &str) -> Vec<(String, String)> {
        let places = places(version, Path::new(own), mountinfo.as_bytes());
        let text = |path: PathBuf| path.into_os_string().into_string().expect("text");
        places.into_iter().map(|Place { at, inside }| (text(at), text(inside))).collect()
    }

    #[test]
    fn the_mount_that_leads_to_the_group_goes_first_and_the_usual_places_last() {
        let mountinfo = "\
800 700 0:31 /other /mnt/other ro - cgroup cgroup rw,memory
801 700 0:31 /pods/p1/c1 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory
802 700 0:31 /pods /mnt/pods ro shared:1 - cgroup cgroup rw,memory
803 700 0:32 / /mnt/cpu ro - cgroup cgroup rw,cpu
";
        let places = places_of(Version::V1, "/pods/p1/c1", mountinfo);
        let expected = [
            ("/mnt/pods", "p1/c1"),
            ("/sys/fs/cgroup/memory", ""),
            ("/mnt/other", ""),
            ("/sys/fs/cgroup/memory", "pods/p1/c1"),
            ("/sys/fs/cgroup/memory", ""),
        ];
        assert_eq!(places, expected.map(|(at, inside)| (at.to_owned(), inside.to_owned())));
    }

    #[test]
    fn a_path_that_leads_out_of_a_mount_is_not_inside() {
        let is_inside = |own: &str, shows: &str| inside(Path::new(own), Path::new(shows)).is_some();
        assert!(is_inside("/a/b", "/a") && is_inside("/", "/") && is_inside("/../b", "/.."));
        assert!(!is_inside("/ab", "/a"), "by whole names");
        assert!(!is_inside("/", "/../.."));
        assert!(!is_inside("/../b", "/"));
    }

    #[test]
    fn mountinfo_is_bytes_with_some_of_them_in_octal() {
        assert_eq!(unescape(br"/a\040b\134x2d\011\012\043"), b"/a b\\x2d\t\n#");
        assert_eq!(unescape(br"\04 \999 \400 \"), br"\04 \999 \400 \", "no octal byte");
        let mount = |line: &[u8]| Mount::parse(line, Version::V2);
        let line = b"30 22 0:26 /\xff\\040 /mnt/\xc3 rw master:1 - cgroup2  rw";
        assert_eq!(
            mount(line),
            Some(Mount { shows: path(b"/\xff ".to_vec()), at: path(b"/mnt/\xc3".to_vec()) })
        );
        for line in [&b""[..], b"1 2 3", b" - cgroup2", b"1 2 3 / - cgroup2", b"1 2 3 / /a rw"] {
            assert_eq!(mount(line), None, "{line:?}");
        }
    }

    #[test]
    fn the_own_group_may_have_any_name() {
        let own = |text: &[u8]| own_group(text);
        let v1 = own(b"11:cpu:/a\n5:hugetlb,memory:/b:c\xff\n0::/d\n");
        assert_eq!(v1, Some((Version::V1, path(b"/b:c\xff".to_vec()))));
        assert_eq!(own(b"1:name=systemd:/a\n0::/d\n"), Some((Version::V2, "/d".into())));
        assert_eq!(own(b"nonsense\n0:\n"), None);
    }

    #[test]
    fn of_several_mounts_the_one_that_leads_to_the_group() {
        let v1 = Tree::new(
            "mounts-v1",
            &[
                ("proc/self/cgroup", "9:memory:/kubepods/burstable/pod1/c1\n"),
                (
                    "proc/self/mountinfo",
                    "800 700 0:31 /kubepods/besteffort/pod0/c0 /hostfs/run/c0/rootfs/sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n\
                     950 880 0:31 /kubepods/burstable/pod1/c1 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
                ),
                ("hostfs/run/c0/rootfs/sys/fs/cgroup/memory/memory.limit_in_bytes", "67108864\n"),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n"),
            ],
        );
        let file = "/sys/fs/cgroup/memory/memory.limit_in_bytes";
        assert_eq!(v1.read().limit, Some(cgroup(512 * MIB, file)));
        let v2 = Tree::new(
            "mounts-v2",
            &[
                ("proc/self/cgroup", "0::/\n"),
                (
                    "proc/self/mountinfo",
                    "900 880 0:28 /../../../.. /hostfs/sys/fs/cgroup ro - cgroup2 cgroup rw\n\
                     950 880 0:28 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
                ),
                ("sys/fs/cgroup/memory.max", "536870912\n"),
            ],
        );
        assert_eq!(v2.read().limit, Some(cgroup(512 * MIB, "/sys/fs/cgroup/memory.max")));
    }

    #[test]
    fn a_mount_that_leads_to_the_group_and_has_no_files_is_passed_over() {
        let tree = Tree::new(
            "mounts-hidden",
            &[
                ("proc/self/cgroup", "0::/app\n"),
                (
                    "proc/self/mountinfo",
                    "30 22 0:26 / /hidden rw - cgroup2 cgroup2 rw\n\
                     31 22 0:26 /app /mnt/app rw - cgroup2 cgroup2 rw\n",
                ),
                ("mnt/app/memory.max", "1048576\n"),
            ],
        );
        assert_eq!(tree.read().limit, Some(cgroup(MIB, "/mnt/app/memory.max")));
    }

    #[test]
    fn names_are_bytes_and_mountinfo_has_some_in_octal() {
        let tree = Tree::new(
            "bytes",
            &[
                (
                    "proc/self/cgroup",
                    &b"0::/machine.slice/machine-web\\x2d1.scope/payload/app.service\n"[..],
                ),
                (
                    "proc/self/mountinfo",
                    b"29 22 0:25 / /mnt/caf\xe9 rw - ext4 /dev/sdb rw\n\
                      30 22 0:26 /machine.slice/machine-web\\134x2d1.scope /sys/fs/cgroup\\040two rw - cgroup2 cgroup2 rw\n",
                ),
                ("sys/fs/cgroup two/payload/app.service/memory.max", b"67108864\n"),
                (
                    "proc/self/status",
                    b"Name:\tthumbnailer-t\xc3\xb6\xc3\nVmHWM:\t    4096 kB\nVmRSS:\t    2048 kB\n",
                ),
            ],
        );
        let process = tree.read();
        let file = "/sys/fs/cgroup two/payload/app.service/memory.max";
        assert_eq!(process.limit, Some(cgroup(64 * MIB, file)));
        assert_eq!((process.rss, process.peak_rss), (Some(2 * MIB), Some(4 * MIB)));
    }

    #[test]
    fn where_no_mount_is_listed_the_usual_places_are_tried() {
        let overlay = ("proc/self/mountinfo", "30 22 0:26 / / rw - overlay overlay rw\n");
        let v1 = "sys/fs/cgroup/memory/memory.limit_in_bytes";
        let files = [("proc/self/cgroup", "9:memory:/\n"), overlay, (v1, "536870912\n")];
        let limit = Tree::new("usual-v1", &files).read().limit;
        assert_eq!(limit, Some(cgroup(512 * MIB, &format!("/{v1}"))));
        let v2 = "sys/fs/cgroup/app/memory.max";
        let files = [("proc/self/cgroup", "0::/app\n"), overlay, (v2, "1048576\n")];
        let limit = Tree::new("usual-v2", &files).read().limit;
        assert_eq!(limit, Some(cgroup(MIB, &format!("/{v2}"))));
    }
}
