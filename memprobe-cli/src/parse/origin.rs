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
    /// What the stream was made of.
    pub(crate) parts: Parts,
}

/// The keys of a collector may come in any order, so that it is kept which of them have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Parts {
    pod: &'static str,
    container: &'static str,
    rank: Rank,
}

/// How well a stream tells processes apart: the better is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Rank {
    #[default]
    Unknown,
    /// It may be the one of Docker, and not of what runs in it.
    Unit,
    Stream,
    ContainerId,
    Container,
}

impl Origin {
    /// Sets what a field of a collector tells. Returns `false` if it tells nothing of this.
    pub fn set(&mut self, key: &str, value: &str) -> bool {
        match key {
            "pod" | "pod_name" | "k8s.pod.name" => {
                self.parts.pod = intern(value);
                self.contained();
            }
            "container" | "container_name" | "CONTAINER_NAME" | "k8s.container.name" => {
                self.parts.container = intern(value);
                self.contained();
            }
            "container_id" | "CONTAINER_ID" => self.stream(Rank::ContainerId, value),
            "logStreamName" | "logStream" | "@logStream" | "instance" | "task" => {
                self.stream(Rank::Stream, value);
            }
            "_SYSTEMD_UNIT" => self.stream(Rank::Unit, value),
            "_HOSTNAME" | "host" | "hostname" | "node_name" | "node" => self.host = intern(value),
            "release" | "version" | "image" | "container_image" | "git_sha" | "commit" => {
                self.release = intern(value);
            }
            // Of a container journald has the id of the daemon that hands its lines on.
            "_PID" if self.parts.rank >= Rank::ContainerId => {}
            "_PID" | "pid" | "procid" => self.pid = value.parse().ok(),
            _ => return false,
        }
        if key.starts_with("CONTAINER_") {
            self.pid = None;
        }
        true
    }

    /// The containers of a pod write at the same time.
    fn contained(&mut self) {
        let Parts { pod, container, .. } = self.parts;
        match (pod, container) {
            ("", name) | (name, "") => self.stream(Rank::Container, name),
            _ => self.stream(Rank::Container, &format!("{pod}/{container}")),
        }
    }

    fn stream(&mut self, rank: Rank, value: &str) {
        if rank >= self.parts.rank {
            self.parts.rank = rank;
            self.stream = intern(value);
        }
        if let (Some(version), "") = (lambda_version(value), self.release) {
            self.release = intern(version);
        }
    }

    /// Returns this, and what only the other tells.
    #[must_use]
    pub fn or(self, other: Origin) -> Origin {
        let first = |a: &'static str, b: &'static str| if a.is_empty() { b } else { a };
        let parts = if self.stream.is_empty() { other.parts } else { self.parts };
        Origin {
            parts,
            stream: first(self.stream, other.stream),
            host: first(self.host, other.host),
            release: first(self.release, other.release),
            pid: self.pid.or(other.pid),
        }
    }
}

/// Returns the release in the name of a Lambda's log stream, as in `2026/11/25/[42]8f3c…`.
fn lambda_version(stream: &str) -> Option<&str> {
    let (date, rest) = stream.split_once('[')?;
    let is_date =
        date.len() == 11 && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'/');
    let (version, _) = rest.split_once(']')?;
    is_date.then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stream and the id that the fields tell in whatever order.
    fn of(fields: &[(&str, &str)]) -> (&'static str, Option<u32>) {
        let of = |fields: &mut dyn Iterator<Item = &(&str, &str)>| {
            let mut origin = Origin::default();
            fields.for_each(|(key, value)| assert!(origin.set(key, value), "{key}"));
            (origin.stream, origin.pid)
        };
        let told = of(&mut fields.iter());
        assert_eq!(told, of(&mut fields.iter().rev()), "{fields:?}");
        told
    }

    #[test]
    fn the_order_of_the_keys_does_not_matter() {
        let unit = [("_PID", "12"), ("_SYSTEMD_UNIT", "docker.service")];
        let id = [("CONTAINER_ID", "8f3c9ab21c04")];
        let name = [("CONTAINER_NAME", "web-1")];
        assert_eq!(of(&unit), ("docker.service", Some(12)));
        assert_eq!(of(&[&unit[..], &id].concat()), ("8f3c9ab21c04", None));
        assert_eq!(of(&[&id[..], &unit, &name].concat()), ("web-1", None));
        let pod = [("pod", "web-7d4b"), ("container", "app"), ("instance", "a")];
        assert_eq!(of(&pod), ("web-7d4b/app", None));
        assert_eq!(of(&pod[..1]), ("web-7d4b", None));
        assert_eq!(of(&pod[1..]), ("app", None));
    }
}
