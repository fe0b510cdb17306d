//! Compiled out: nothing is left but the two crates themselves, and no figure is a lie.

use std::process::Command;

use memprobe::{memprobe, probe};

memprobe::global_allocator!();

#[memprobe]
fn works() -> Vec<u8> {
    let (shown, rows) = (Shown, 1);
    probe!("never evaluated", panics = panics(), debug = ?panics(), display = %panics());
    probe!("never shown", rows, ?shown);
    probe!("never shown", %shown,);
    vec![1; 1000]
}

struct Block(Vec<u8>);

#[memprobe]
impl Block {
    fn new(bytes: usize) -> Block {
        probe!("never evaluated", panics = panics());
        Block(vec![1; bytes])
    }

    #[memprobe(skip)]
    fn len(&self) -> usize {
        self.0.len()
    }
}

struct Shown;

impl std::fmt::Debug for Shown {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("a probe's fields are not evaluated")
    }
}

impl std::fmt::Display for Shown {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("a probe's fields are not evaluated")
    }
}

fn panics() -> u8 {
    panic!("a probe's fields are not evaluated")
}

#[test]
fn compiled_out() {
    let status = memprobe::status();
    assert!(!status.enabled, "built with the whole workspace: run `cargo test -p memprobe-off`");
    assert!(status.to_string().contains("compiled out"), "{status}");
    assert_eq!(works().len(), 1000);
    assert_eq!(Block::new(100).len(), 100);
    assert_eq!(memprobe::scope("scope", || works().len()), 1000);
    assert_eq!(memprobe::process(), memprobe::Process::default(), "absent, not 0");
    for _ in 0..2 {
        assert_eq!(
            memprobe::Watch::new().install(),
            Ok(memprobe::watch::WatchMode::Off),
            "never an error"
        );
    }
    let report = memprobe::report();
    assert!(report.functions.is_empty());
    assert!(report.to_string().contains("compiled out"), "{report}");
}

#[test]
fn the_tree_is_memprobe_and_its_macros() {
    let tree = |more: &[&str]| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["tree", "--prefix=none", "--edges=normal,build", "--package=memprobe-off"]);
        let output = cargo.args(more).output().expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("text");
        let mut names: Vec<String> =
            text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
        names.sort();
        names.dedup();
        names
    };
    assert_eq!(tree(&[]), ["memprobe", "memprobe-macros", "memprobe-off"]);
    let on = tree(&["--features=memprobe"]);
    assert!(on.iter().any(|name| name == "tikv-jemallocator"), "one flag switches it: {on:?}");
}
