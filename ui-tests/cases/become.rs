//! `become` beside the guard of the attribute.
//@ nightly

#![feature(explicit_tail_calls)]
#![allow(incomplete_features)]

#[memprobe::memprobe]
pub fn g(x: u8) -> u8 {
    if x == 0 {
        return 1;
    }
    become g(x - 1)
}

fn main() {
    println!("{}", g(3));
}
