//! Switches the library's atomics to loom's. A name of our own, because `--cfg loom` in a user's
//! build is for the user's code.

fn main() {
    println!("cargo::rustc-cfg=memprobe_loom");
    println!("cargo::rerun-if-changed=build.rs");
}
