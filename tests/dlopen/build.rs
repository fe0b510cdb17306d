//! A build script that has memprobe compiled out, also where the program has it compiled in: cargo
//! builds memprobe twice then, and its macros once.

#[memprobe::memprobe(name = "build")]
fn main() {
    memprobe::probe!("begun");
    assert!(!memprobe::status().enabled);
    println!("cargo::rerun-if-changed=build.rs");
}
