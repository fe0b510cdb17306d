//! Where a line comes from, as far as the log tells.

use crate::names::intern;

/// The process, the host and the release that a line is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Origin {
    /// A stream, a pod, a container or a unit: what one process writes to at a time.
    pub stream: &'static str,
    pub host: &'static str,
    pub release: &'static str,
    pub pid: Option<u32>,
}

impl Origin {
    /// Sets what a field of a collector tells. Returns `false` if it tells nothing of this.
    pub fn set(&mut self, key: &str, value: &str) -> bool {
        match key {
            "logStreamName" | "logStream" | "@logStream" | "pod" | "pod_name" | "container_id"
            | "_SYSTEMD_UNIT" | "instance" | "task" => self.stream = intern(value),
            "_HOSTNAME" | "host" | "hostname" | "node_name" | "node" => self.host = intern(value),
            "release" | "version" | "image" | "container_image" | "git_sha" | "commit" => {
                self.release = intern(value);
            }
            "_PID" | "pid" | "procid" => self.pid = value.parse().ok(),
            _ => return false,
        }
        true
    }

    /// Returns this, and what only the other tells.
    #[must_use]
    pub fn or(self, other: Origin) -> Origin {
        let first = |a: &'static str, b: &'static str| if a.is_empty() { b } else { a };
        Origin {
            stream: first(self.stream, other.stream),
            host: first(self.host, other.host),
            release: first(self.release, other.release),
            pid: self.pid.or(other.pid),
        }
    }
}

/// Returns the release in the name of a Lambda's log stream, as in `2026/11/25/[42]8f3c…`.
pub fn lambda_version(stream: &str) -> Option<&str> {
    let (date, rest) = stream.split_once('[')?;
    let is_date =
        date.len() == 11 && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'/');
    let (version, _) = rest.split_once(']')?;
    is_date.then_some(version)
}
