//! A kind of function that memprobe does not know.
//@ nightly

#![feature(gen_blocks)]

#[memprobe::memprobe]
pub gen fn f() -> u8 {
    yield 1;
}

pub fn uses() -> usize {
    f().count()
}
