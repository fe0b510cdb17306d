//! `clippy::implicit_return` of functions that are not async speaks of their tails.
//@ keeps: clippy::implicit_return

use std::future::Future;

#[memprobe::memprobe]
pub fn value(x: u8) -> u8 {
    x
}

#[memprobe::memprobe]
pub fn branches(x: u8) -> u8 {
    if x > 1 {
        x
    } else {
        match x {
            0 => 2,
            _ => return 3,
        }
    }
}

#[memprobe::memprobe]
pub fn boxed(x: u8) -> Box<dyn Fn() -> u8> {
    Box::new(move || x)
}

#[memprobe::memprobe]
pub fn hidden(x: u8) -> impl Fn() -> u8 {
    move || x
}

#[memprobe::memprobe]
pub fn future(x: u8) -> impl Future<Output = u8> {
    async move { x }
}

#[memprobe::memprobe]
pub fn unit(x: u8) {
    println!("{x}")
}
