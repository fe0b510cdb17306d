//! `#![no_std]`.

#![no_std]

#[memprobe::memprobe]
pub fn f() -> u8 {
    memprobe::probe!("here", x = "x");
    1
}

#[memprobe::memprobe]
pub async fn g() -> Option<u8> {
    memprobe::probe!("here");
    Some(1)
}

#[memprobe::memprobe]
pub fn h() -> impl Future<Output = u8> {
    async { 1 }
}
