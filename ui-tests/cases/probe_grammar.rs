//! Every way to write a `probe!`.

#![allow(unused, clippy::all, clippy::pedantic, clippy::restriction)]

use memprobe::probe;

pub struct Shown;

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("shown")
    }
}

pub fn f(rows: &[u8]) {
    println!("{Shown}");
    probe!("a");
    probe!("a",);
    let () = probe!("a");
    match 1 {
        _ => probe!("a"),
    }
    probe!["brackets"];
    probe! { "braces" }
    probe!(r"raw");
    probe!("fields", n = rows.len(), first = ?rows.first(), shown = %Shown, r#type = 1,);
    probe!("nested", x = if rows.is_empty() { 1_u8 } else { 2 });
    // A name of `tracing`'s or of the language.
    probe!("names", name = "n", target = "t", level = "l", parent = "p", r#async = true);
}

fn main() {
    f(&[1]);
}
