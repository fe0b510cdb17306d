//! Unknown names are named where they are in plain Rust.
//@ errs

#[memprobe::memprobe]
pub fn a() -> Missing {
    missing()
}

#[memprobe::memprobe]
pub async fn b() -> u8 {
    missing()
}

#[memprobe::memprobe]
pub async fn c(x: Missing) {}

#[memprobe::memprobe]
pub fn d() -> impl Missing {
    1
}
