//! The call tree as folded stacks, for flame graphs.

use std::io::{self, Write};

use crate::report::{Report, walk};

impl Report {
    /// Writes the call tree as folded stacks, for flame graphs. Each calling context has a line
    /// with the bytes that the function itself allocated there, as in `handler;resize 73400320`;
    /// contexts without any have no line. inferno, `flamegraph.pl` and speedscope read this
    /// format.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let mut stacks = Vec::new();
    /// memprobe::report().write_folded(&mut stacks)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the first error of the writer.
    pub fn write_folded(&self, mut out: impl Write) -> io::Result<()> {
        let mut written = Ok(());
        walk(&self.tree, |path| {
            let figures = path.last().and_then(|node| node.figures);
            let bytes = figures.map_or(0, |figures| figures.self_allocated);
            if bytes > 0 && written.is_ok() {
                // A name that the user gave may contain a separator.
                let frames = path.iter().map(|node| node.function.replace([';', '\n'], ":"));
                written = writeln!(out, "{} {bytes}", frames.collect::<Vec<_>>().join(";"));
            }
        });
        written
    }
}

#[cfg(all(test, feature = "enabled"))]
mod tests {
    use crate::report::sample_reports::{MIB, calls, report};

    #[test]
    fn each_context_has_a_line_with_its_own_bytes() {
        let inner = calls("a;b", 7, MIB, MIB, 0);
        let outer =
            calls("handler", 7, 10, MIB, 0).with(vec![inner, calls("resize", 7, 10 * MIB, MIB, 0)]);
        let mut written = Vec::new();
        report(&[outer, calls("idle", 1, 0, 0, 0)]).write_folded(&mut written).expect("memory");
        let text = String::from_utf8(written).expect("text");
        assert_eq!(text, "handler 70\nhandler;a:b 7340032\nhandler;resize 73400320\n");
    }

    #[test]
    fn an_error_of_the_writer_is_passed_on() {
        let full: &mut [u8] = &mut [0; 4];
        let report = report(&[calls("handler", 1, 1, 1, 0)]);
        assert!(report.write_folded(full).is_err());
    }
}
