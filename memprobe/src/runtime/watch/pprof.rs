//! jemalloc's heap profiles in the format of pprof, made on a thread of their own: to find the names
//! of a large program takes a while, and the call that crossed a threshold must not wait for it.
//! It takes memory too, so it is not done while it could be what kills the process.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::report::pprof::of_jemalloc;
use crate::runtime::readings::system;
use crate::runtime::readings::thread::IgnoreAllocs;
use crate::values::process::Process;

/// Writes an event: the message, the function and the label, and the file.
type Report = fn(&str, &'static str, &'static str, &Path);

/// Writes the profile `heap` again beside it, as `….pb.gz`, and then reports it.
pub(super) fn convert(heap: PathBuf, function: &'static str, label: &'static str, report: Report) {
    let file = heap.with_extension("pb.gz");
    let convert = move || {
        let _ignored = IgnoreAllocs::begin();
        wait_for_room();
        let message = match write(&heap, &file, &[("function", function), ("label", label)]) {
            Ok(()) => format!(
                "heap profile of {function} at \"{label}\": open it with `go tool pprof -http=: {}`, \
                 in speedscope or in Pyroscope",
                file.display()
            ),
            Err(why) => format!("{} is not written as pprof: {why}", heap.display()),
        };
        report(&message, function, label, &file);
    };
    // Without the thread there is jemalloc's own profile.
    let _ = thread::Builder::new().name("memprobe-pprof".to_owned()).spawn(convert);
}

/// Waits until as much memory is left as the work may take: at most the size of the program, whose
/// debug information it reads.
fn wait_for_room() {
    const LEAST: u64 = 16 << 20;
    let program = std::env::current_exe().and_then(fs::metadata).map_or(0, |file| file.len());
    while !has_room(&system::process(), program.max(LEAST)) {
        thread::sleep(Duration::from_secs(1));
    }
}

fn has_room(process: &Process, bytes: u64) -> bool {
    let limit = process.limit.as_ref().map(|limit| limit.bytes);
    let left = limit.zip(process.used()).map(|(limit, used)| limit.saturating_sub(used));
    left.is_none_or(|left| left >= bytes)
}

fn write(heap: &Path, file: &Path, tags: &[(&str, &str)]) -> io::Result<()> {
    // Moved there when it is whole.
    let beside = file.with_extension("gz.tmp");
    let written = File::create(&beside).and_then(|to| {
        of_jemalloc(BufReader::new(File::open(heap)?), BufWriter::new(to), tags)?;
        fs::rename(&beside, file)
    });
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::process::Limit;

    #[test]
    fn there_is_room_where_there_is_no_limit_or_enough_is_left() {
        let mut process = Process { rss: Some(70), ..Process::default() };
        assert!(has_room(&process, 40));
        process.limit = Some(Limit::from_bytes(100));
        assert!(!has_room(&process, 40));
        assert!(has_room(&process, 30));
        process.rss = Some(200);
        assert!(!has_room(&process, 1), "above the limit");
    }
}
