//! What memprobe adds to a program's size and to its build.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use object::{Object, ObjectSymbol};

use memprobe_bench::build::build;

use crate::run::{bar, parse};

/// Bytes of machine code.
pub struct Code {
    /// Added to a sync function, with what names it.
    pub function: u64,
    /// Added by a probe, with what names it.
    pub probe: u64,
}

/// Bytes of a future, plain and with memprobe.
pub struct Future {
    pub name: String,
    pub plain: u64,
    pub with: u64,
}

/// Reads both from the program `sizes`.
///
/// # Panics
///
/// Where it is not what its source says.
pub fn code_and_futures() -> (Code, Vec<Future>) {
    let program = build("sizes", "memprobe").expect("sizes");
    let bytes = std::fs::read(&program).expect("the program");
    let file = object::File::parse(&*bytes).expect("an executable");
    let size = |is: &dyn Fn(&str) -> bool| {
        let symbol = file.symbols().find(|symbol| symbol.name().is_ok_and(is));
        symbol.expect("a symbol of `sizes`").size()
    };
    let function = |name: &'static str| size(&|symbol| symbol == name);
    // The little function that gives the path: one for each, all of one size.
    let path = size(&|symbol| symbol.contains("__private4path"));
    let code = Code {
        function: function("size_noted") - function("size_plain") + path,
        probe: function("size_probed") - function("size_noted") + path,
    };
    let output = Command::new(program).output().expect("it runs");
    let futures = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(parse)
        .map(|(name, plain, with)| Future {
            name: name.to_owned(),
            plain: plain as u64,
            with: with as u64,
        })
        .collect();
    (code, futures)
}

/// A clean build of a program that has memprobe in this way.
pub struct Build {
    pub way: &'static str,
    pub crates: usize,
    pub seconds: f64,
}

/// Builds a small program from nothing: without memprobe, with it off, and on.
///
/// # Panics
///
/// Where it does not build.
pub fn clean_builds() -> Vec<Build> {
    let memprobe = concat!(env!("CARGO_MANIFEST_DIR"), "/../memprobe");
    let dependency = |more: &str| format!("memprobe = {{ path = '{memprobe}'{more} }}");
    let ways = [
        ("without", String::new()),
        ("off", dependency(", default-features = false")),
        ("on", dependency("")),
    ];
    let bar = bar(ways.len() as u64);
    let builds = ways.map(|(way, dependency)| {
        bar.set_message(format!("clean build: {way}"));
        let folder = std::env::temp_dir().join(format!("memprobe-bench-{}", std::process::id()));
        let build = clean_build(way, &dependency, &folder);
        std::fs::remove_dir_all(&folder).expect("the folder is ours");
        bar.inc(1);
        build
    });
    bar.finish_and_clear();
    builds.into()
}

fn clean_build(way: &'static str, dependency: &str, folder: &Path) -> Build {
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("a file");
    std::fs::create_dir_all(folder.join("src")).expect("a folder");
    write(
        "Cargo.toml",
        &format!(
            "[package]\nname = \"app\"\nedition = \"2024\"\n\
             [dependencies]\n{dependency}\n[workspace]\n"
        ),
    );
    let attribute = if way == "without" { "" } else { "#[memprobe::memprobe]\n" };
    write("src/main.rs", &format!("{attribute}fn main() {{\n    println!(\"hello\");\n}}\n"));
    let cargo = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO"))
            .args(arguments)
            .current_dir(folder)
            .env("CARGO_TARGET_DIR", folder.join("target"))
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    // Also downloads what is to be built.
    let tree = cargo(&["tree", "--prefix=none", "--edges=normal,build"]);
    let mut crates: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    crates.sort_unstable();
    crates.dedup();
    cargo(&["fetch"]);
    let start = Instant::now();
    cargo(&["build", "--release"]);
    // The program itself does not count.
    Build { way, crates: crates.len() - 1, seconds: start.elapsed().as_secs_f64() }
}
