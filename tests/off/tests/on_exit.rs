//! `MEMPROBE_REPORT` asks for what is not compiled in: memprobe itself, or a form.
//!
//! Run with and without the feature `memprobe`.

use std::path::Path;
use std::process::Command;

fn said(report: &Path) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_memprobe-off"));
    let output = program.env("MEMPROBE_REPORT", report).output().expect("it starts");
    assert!(output.status.success(), "{output:?}");
    assert!(!report.exists());
    String::from_utf8(output.stderr).expect("text")
}

#[test]
fn what_is_compiled_out_is_said_in_one_line() {
    for (ending, feature) in [("html", "html"), ("json", "json")] {
        let name = format!("compiled_out.{ending}");
        let said = said(&Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
        let (line, rest) = said.split_once('\n').expect("a line");
        assert!(line.starts_with("memprobe: MEMPROBE_REPORT="), "{said}");
        if memprobe::status().enabled {
            assert!(line.contains(&format!("needs memprobe's feature `{feature}`")), "{said}");
            assert!(rest.starts_with("pressure  "), "the report is not lost: {said}");
        } else {
            assert!(line.contains("build with its feature `enabled`"), "{said}");
            assert_eq!(rest, "");
        }
    }
    assert_eq!(said(Path::new("off")), "");
}
