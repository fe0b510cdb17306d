//! What a real `tracing_subscriber` writes, kept, and with its figures masked.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

/// A writer into memory.
#[derive(Clone, Debug, Default)]
pub struct Output(Arc<Mutex<Vec<u8>>>);

impl Output {
    /// Takes what was written so far.
    ///
    /// # Panics
    ///
    /// If that is not UTF-8.
    pub fn take(&self) -> String {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        String::from_utf8(bytes).expect("text")
    }

    /// Takes the lines written so far.
    pub fn lines(&self) -> Vec<String> {
        self.take().lines().map(str::to_owned).collect()
    }
}

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Output {
    type Writer = Output;

    fn make_writer(&'a self) -> Output {
        self.clone()
    }
}

/// jemalloc's figures in an event.
pub const JEMALLOC: [&str; 4] =
    ["jemalloc_allocated", "jemalloc_active", "jemalloc_resident", "jemalloc_metadata"];

/// The text with each number as `#`, its unit as `U`, and the part on a limit left out,
/// which machines have or not. jemalloc's figures stand in each event: those that have none,
/// because a refresh that the system interrupted has used up the budget, are given them.
pub fn mask(text: &str) -> String {
    let mut masked = String::new();
    let mut digits = false;
    for char in text.chars() {
        let number = char.is_ascii_digit() || (digits && char == '.');
        if number && !digits {
            masked.push('#');
        } else if !number {
            masked.push(char);
        }
        digits = number;
    }
    for unit in ["GiB", "MiB", "KiB", "B"] {
        masked = masked.replace(&format!("# {unit}"), "# U");
    }
    for unit in ["us", "ms", "s"] {
        masked = masked.replace(&format!("after # {unit}:"), "after # T:");
    }
    let of_limit = [
        (", cgroup # U of # U (#%)", ""),
        (", cgroup #%", ""),
        (", highest rss # U", ", highest # U"),
        (" of # U (#%)", ""),
        (" (#%)", ""),
        (" cgroup=#", ""),
        (" limit=#", ""),
    ];
    for (part, with) in of_limit.into_iter().chain([("-#", "+#")]) {
        masked = masked.replace(part, with);
    }
    let heap = JEMALLOC.map(|name| format!(" {name}=#")).concat();
    let with_heap = format!(" rss=#{heap}");
    masked.replace(&with_heap, " rss=#").replace(" rss=#", &with_heap)
}
