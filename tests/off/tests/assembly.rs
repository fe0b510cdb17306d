//! Compiled out, nothing is left: the assembly of annotated functions is that of plain ones.

use std::path::Path;
use std::process::Command;

/// Compiles `examples/shapes.rs` in release; gives its assembly without the hashes in names.
fn assembly(name: &str, more: &[&str]) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["rustc", "--release", "--package=memprobe-off", "--example=shapes", "--"]);
    cargo.args(["-Ccodegen-units=1", &format!("--emit=asm={}", path.display())]).args(more);
    let output = cargo.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(path).expect("assembly");
    text.lines().map(without_hashes).collect::<Vec<_>>().join("\n")
}

/// The hash that ends a symbol (`17h…E`) or stands in the name of a constant (`anon.…`)
/// becomes `#`.
fn without_hashes(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some(char) = rest.chars().next() {
        let digits = rest.chars().take_while(char::is_ascii_hexdigit).count();
        if digits >= 16 && text.ends_with(['h', '.']) {
            text.push('#');
            rest = &rest[digits..];
        } else {
            let kept = digits.max(char.len_utf8());
            text.push_str(&rest[..kept]);
            rest = &rest[kept..];
        }
    }
    text
}

#[test]
fn the_assembly_is_that_of_plain_functions() {
    let off = assembly("off.s", &[]);
    let plain = assembly("plain.s", &["--cfg=plain"]);
    for function in ["empty:", "allocates:", "returns_early:", "polls:"] {
        assert!(plain.lines().any(|line| line == function), "{function} {plain}");
    }
    let differ = off.lines().zip(plain.lines()).find(|(off, plain)| off != plain);
    assert_eq!(differ, None, "off, plain");
    assert_eq!(off.lines().count(), plain.lines().count());
}
