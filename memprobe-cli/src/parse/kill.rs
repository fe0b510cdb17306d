//! Lines that say that a process was killed for its memory.

use crate::parse::time;

/// What such lines contain. They are rare, so that a line is looked at only where one of these
/// was found.
pub const WORDS: [&str; 18] = [
    "signal: killed",
    "Runtime.OutOfMemory",
    "OOMKilled",
    "oom-kill",
    "Killed",
    "exit 137",
    "code 137",
    "status 137",
    "with 137",
    "code=137",
    "status=137",
    "code\":137",
    "code\": 137",
    "Code: 137",
    "status: 137",
    "code: 137",
    "status=9/KILL",
    "Code\":137",
];

/// A kill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kill {
    pub at: Option<i64>,
    pub pid: Option<u32>,
    /// What the line says, without what stands around it.
    pub words: &'static str,
}

/// Returns the kill that a line tells of.
pub fn kill(line: &str) -> Option<Kill> {
    let words = if line.trim() == "Killed" {
        "Killed"
    } else if line.contains("Killed process") {
        "Killed process"
    } else {
        WORDS.into_iter().filter(|&word| word != "Killed").find(|&word| {
            line.match_indices(word).any(|(at, word)| {
                let next = line[at + word.len()..].chars().next();
                !word.ends_with('7')
                    || next.is_none_or(|char| !char.is_ascii_digit() && char != '.')
            })
        })?
    };
    let pid = line.split_once("Killed process ").and_then(|(_, after)| {
        after.split(|char: char| !char.is_ascii_digit()).next()?.parse().ok()
    });
    let at = line.split(' ').take(3).find_map(time::parse);
    Some(Kill { at, pid, words })
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
            (
                "app.service: A process of this unit has been killed by the OOM killer. oom-kill",
                None,
            ),
        ] {
            assert_eq!(kill(line).map(|kill| kill.pid), Some(pid), "{line}");
        }
        for line in ["status 1370", "exit 137.5 ms", "Killed time", "code 13", "killed it"] {
            assert_eq!(kill(line), None, "{line}");
        }
    }
}
