//! Programs that hold their own figures against what they know, compiled in ways in which a
//! test of cargo cannot be.

use memprobe_ui_tests::case::cases;
use memprobe_ui_tests::compiler::Compiler;

#[test]
fn programs_find_what_they_expect() {
    let compiler = Compiler::new(true);
    for case in cases("runs") {
        let built = compiler.compile(&case, "ours", false, true);
        let (_, status) = built.ran.unwrap_or_else(|| panic!("{}:\n{}", case.name, built.rendered));
        assert_eq!(status, "exit status: 0", "{}", case.name);
    }
}
