//! What memprobe says on stderr, where no event can say it.

use std::fmt::Display;
use std::io::{self, Write as _};

/// Writes a line on stderr, which may be closed.
pub(crate) fn say(text: &dyn Display) {
    let _ = writeln!(io::stderr(), "memprobe: {text}");
}
