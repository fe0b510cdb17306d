//! Lines that say that a process was killed for its memory.

use crate::names::{cut, intern};
use crate::parse::time;

/// What such lines contain. They are rare, so that a line is looked at only where one of these
/// was found. A status of 137 is 128 and the signal 9.
pub const WORDS: [&str; 28] = [
    "signal: killed",
    "Runtime.OutOfMemory",
    "OOMKilled",
    "oom-kill:",
    "'oom-kill'",
    "killed by the OOM killer",
    KILLED,
    "status=9/KILL",
    "exit 137",
    "exit code 137",
    "exit code: 137",
    "exit status 137",
    "exit status: 137",
    "exited with 137",
    "exited with code 137",
    "exited with status 137",
    "non-zero code 137",
    "non-zero code: 137",
    "Exit Code: 137",
    "exitCode=137",
    "exit_code=137",
    "status=137",
    "xitCode\":137",
    "xitCode\": 137",
    "exit_code\":137",
    "exit_code\": 137",
    "ExitCode:137",
    "ExitCode: 137",
];

/// A shell says no more than this, and the kernel says which process.
const KILLED: &str = "Killed";

/// Most bytes that are kept of a line.
const LONGEST: usize = 1024;

/// A kill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kill {
    pub at: Option<i64>,
    /// The id that the kernel names.
    pub pid: Option<u32>,
    /// The container, the unit or the pod that the line says has ended.
    pub name: Option<&'static str>,
    /// What says so, without what stands around it.
    pub words: &'static str,
    /// The line.
    pub line: Box<str>,
}

/// Returns the kill that a line tells of.
pub fn kill(line: &str) -> Option<Kill> {
    let line = line.trim();
    let (mut pid, mut name) = (None, None);
    let words = if line == KILLED {
        KILLED
    } else if let Some(at) = line.find("Killed process ") {
        // The kernel: `Killed process 8521 (app), UID 0, total-vm:…`.
        let process = &line[at + "Killed process ".len()..];
        pid = number(process);
        let end = process.find(')').map_or(0, |end| at + "Killed process ".len() + end + 1);
        intern(line.get(at..end).filter(|words| words.len() < 60).unwrap_or("Killed process"))
    } else {
        let (at, words) = WORDS.into_iter().find_map(|word| Some((find(line, word)?, word)))?;
        if let Some((_, id)) = line.split_once(",pid=").filter(|_| words == "oom-kill:") {
            pid = number(id);
        }
        // docker compose: `web-1 exited with code 137`.
        let of_container = words.starts_with("exited with").then(|| line[..at].trim_end());
        name = of_container.filter(|name| !name.is_empty() && !name.contains(' '));
        words
    };
    // systemd: `app.service: Main process exited, code=killed, status=9/KILL`.
    let unit = || line.split(' ').find_map(|word| word.strip_suffix(".service:"));
    // Kubernetes: `"involvedObject":{"kind":"Pod","name":"web-7d"}`.
    let object = || line.split_once("\"name\":\"")?.1.split('"').next();
    let name = name.or_else(unit).or_else(object).map(intern);
    let at = line.split(' ').take(3).find_map(time::parse);
    Some(Kill { at, pid, name, words, line: cut(line, LONGEST).into() })
}

/// Returns where a word of [`WORDS`] stands in a line, unless it is the start of another number.
fn find(line: &str, word: &str) -> Option<usize> {
    if word == KILLED {
        return None;
    }
    let is_whole = |&(at, _): &(usize, &str)| {
        let next = line[at + word.len()..].chars().next();
        !word.ends_with('7') || next.is_none_or(|char| !char.is_ascii_digit() && char != '.')
    };
    line.match_indices(word).find(is_whole).map(|(at, _)| at)
}

fn number(text: &str) -> Option<u32> {
    text.split(|char: char| !char.is_ascii_digit()).next()?.parse().ok()
}

impl Kill {
    /// Whether the line has a name in it, of which it may leave out what is behind the first slash: the
    /// container in a pod.
    pub fn names(&self, stream: &str) -> bool {
        let stream = stream.split('/').next().unwrap_or(stream);
        let is_part = |char: char| char.is_alphanumeric() || matches!(char, '-' | '_');
        let is_whole = |(at, _): (usize, &str)| {
            !self.line[..at].ends_with(is_part)
                && !self.line[at + stream.len()..].starts_with(is_part)
        };
        !stream.is_empty() && self.line.match_indices(stream).any(is_whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_are_found_and_other_numbers_are_not() {
        for (line, pid) in [
            ("RequestId: 8f3c… Error: Runtime exited with error: signal: killed", None),
            ("REPORT RequestId: 8f Status: error Error Type: Runtime.OutOfMemory", None),
            ("Killed", None),
            (
                "kernel: Memory cgroup out of memory: Killed process 8521 (victim) total-vm:1",
                Some(8521),
            ),
            ("web-1 exited with code 137", None),
            ("process exit status 137", None),
            ("the worker ended: exit status: 137", None),
            ("app.service: Main process exited, code=killed, status=9/KILL", None),
            ("{\"reason\":\"OOMKilled\",\"exitCode\":137}", None),
            ("app.service: A process of this unit has been killed by the OOM killer.", None),
            ("app.service: Failed with result 'oom-kill'.", None),
            (
                "kernel: oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),task=app,pid=8521,uid=0",
                Some(8521),
            ),
            ("container die 8f3c (exitCode=137, image=app)", None),
        ] {
            assert_eq!(kill(line).map(|kill| kill.pid), Some(pid), "{line}");
        }
        for line in [
            "exit status 1370",
            "exit 137.5 ms",
            "Killed time",
            "code 13",
            "killed it",
            "loaded page with 137 rows",
            "{\"fields\":{\"message\":\"order stored\",\"code\":137}}",
            "kernel: java invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0",
        ] {
            assert_eq!(kill(line), None, "{line}");
        }
    }

    #[test]
    fn a_kill_says_of_whom_it_is() {
        let of = |line: &str| kill(line).expect("a kill");
        assert_eq!(of("web-1 exited with code 137").name, Some("web-1"));
        assert_eq!(of("the worker exited with code 137").name, None);
        let unit = of("app.service: Main process exited, code=killed, status=9/KILL");
        assert_eq!(unit.name, Some("app"));
        assert!(unit.names("app.service") && unit.names("app") && !unit.names("ap"));
        assert_eq!(of("Killed process 8521 (app), UID 0").words, "Killed process 8521 (app)");
        let pod = of("{\"involvedObject\":{\"name\":\"web-7d\"},\"reason\":\"OOMKilled\"}");
        assert!(pod.names("web-7d/app") && !pod.names("web-7/app") && !pod.names(""));
    }
}
