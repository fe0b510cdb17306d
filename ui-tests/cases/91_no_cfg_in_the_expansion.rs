//! The expansion asks for no feature of the user's crate.

#![warn(unexpected_cfgs)]

use memprobe::{memprobe, probe};

#[memprobe]
pub fn f() {
    probe!("here", x = 1_u8);
}

#[cfg(feature = "unexpected")]
pub fn says_so() {}
