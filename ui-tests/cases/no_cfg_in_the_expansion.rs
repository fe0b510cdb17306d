//! The expansion asks for no feature of the user's crate.
//@ unwrapped

#![warn(unexpected_cfgs)]

use memprobe::{memprobe, probe};

#[memprobe]
pub fn f() {
    probe!("here", x = "x");
}

#[cfg(feature = "unexpected")]
pub fn says_so() {}
