//! `#![forbid(unsafe_code)]`.

#![forbid(unsafe_code)]

#[memprobe::memprobe]
pub fn f() -> u8 {
    memprobe::probe!("here", x = "x");
    1
}

#[memprobe::memprobe]
pub async fn g() -> u8 {
    memprobe::probe!("here");
    1
}

fn main() {
    println!("{} {}", f(), pollster::block_on(g()));
}
