//! With memprobe compiled out the fields of a probe are still checked.

use std::path::Path;

use memprobe_ui_tests::case::Case;
use memprobe_ui_tests::compiler::Compiler;

#[test]
fn what_no_field_can_show_is_a_mistake_all_the_same() {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("errors/probe_variables_of_no_kind.rs");
    let said = Compiler::new(false).compile(&Case::read(&case), "off", false, false).rendered;
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("error")).collect();
    let missing = "error[E0425]: cannot find value `missing` in this scope";
    let no_display = "error[E0277]: `[u8]` doesn't implement `std::fmt::Display`";
    let no_debug = "error[E0277]: `S` doesn't implement `std::fmt::Debug`";
    assert_eq!(lines, [missing, missing, no_display, no_display, no_debug, no_debug], "{said}");
}
