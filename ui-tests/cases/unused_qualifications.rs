//! `unused_qualifications` has nothing to say of the expansion.
//@ unwrapped

#![deny(unused_qualifications)]

use memprobe::memprobe;

#[memprobe]
pub fn f() {
    memprobe::probe!("here");
}

#[memprobe]
pub async fn g() -> Option<u8> {
    memprobe::probe!("here", x = "x", y = ?"y");
    None
}

pub mod inner {
    use memprobe::probe;
    use std::pin::pin;

    #[memprobe::memprobe]
    pub fn h() {
        let _pinned = pin!(1);
        probe!("here");
    }
}
