//! Borrow errors point where they do in plain Rust.
//@ errs

#[memprobe::memprobe]
pub fn a() -> &'static str {
    let s = String::new();
    &s
}

#[memprobe::memprobe]
pub fn b(s: String) -> (String, String) {
    (s, s)
}

#[memprobe::memprobe]
pub async fn c(s: String) -> (String, String) {
    (s, s)
}

#[memprobe::memprobe]
pub fn d<'a>(x: &'a str, y: &str) -> &'a str {
    y
}

#[memprobe::memprobe]
pub fn e(x: u8) {
    x += 1;
}
