//! A path that does not lead to memprobe.

#[memprobe::memprobe(crate = missing)]
pub fn f() {}

#[memprobe::memprobe(crate = std::fmt)]
pub async fn g() {}
