//! Messages on stderr, for what no event can report.

use std::fmt::Display;
use std::io::{self, Write as _};

/// Writes a line to stderr. Ignores errors, because stderr may be closed.
pub(crate) fn say(text: &dyn Display) {
    let _ = writeln!(io::stderr(), "memprobe: {text}");
}
