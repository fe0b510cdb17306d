//! Every mistake in `errors/` gets the words of the `.stderr` file beside it, and nothing
//! else errs. With `BLESS=1` the words of today are written down.

use std::{env, fs};

use memprobe_ui_tests::case::cases;
use memprobe_ui_tests::compiler::{Compiler, version};

/// rustc's own words are among them, and change from one version to the next.
const TOOLCHAIN: &str = "rustc 1.95.";

#[test]
fn mistakes_get_the_words_that_are_written_down() {
    let found = version();
    if !found.starts_with(TOOLCHAIN) {
        println!("not compared: the words are those of {TOOLCHAIN}, this is {found}");
        return;
    }
    let compiler = Compiler::new(true);
    let mut wrong = Vec::new();
    for case in cases("errors") {
        let plain = compiler.compile(&case.plain(), "plain", false, false);
        if plain.compiles == case.errs {
            wrong.push(format!("== {}: plain Rust says\n{}", case.name, plain.rendered));
        }
        let ours = compiler.compile(&case, "ours", false, false);
        let file = case.path.with_extension("stderr");
        if env::var_os("BLESS").is_some() {
            fs::write(&file, &ours.rendered).expect("a writable directory");
        }
        let expected = fs::read_to_string(&file).unwrap_or_default();
        if ours.rendered != expected {
            wrong.push(format!("== {}\n{}\n-- instead of\n{expected}", case.name, ours.rendered));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
