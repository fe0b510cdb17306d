//! Items that stand first in a body still stand first.

#[memprobe::memprobe]
pub fn f() -> u16 {
    const MAX: u16 = 128;
    MAX
}

#[memprobe::memprobe]
pub async fn g() -> u16 {
    use std::num::NonZeroU16;
    NonZeroU16::MIN.get()
}

#[memprobe::memprobe]
pub fn says_so() -> u16 {
    let x = 1;
    const AFTER: u16 = 128;
    x + AFTER
}
