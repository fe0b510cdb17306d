//! On items that are no functions.

#[memprobe::memprobe]
pub struct S;

#[memprobe::memprobe]
pub struct T {
    pub x: u8,
}

#[memprobe::memprobe]
pub enum E {
    A,
}

#[memprobe::memprobe]
pub union U {
    pub x: u8,
}

#[memprobe::memprobe]
pub const C: u8 = 1;

#[memprobe::memprobe]
pub static G: u8 = 2;

#[memprobe::memprobe]
use std::fmt;

#[memprobe::memprobe]
pub type A = u8;

#[memprobe::memprobe]
extern crate alloc;

#[memprobe::memprobe]
unsafe extern "C" {
    pub fn abs(x: i32) -> i32;
}

#[memprobe::memprobe]
macro_rules! m {
    () => {
        1
    };
}

#[memprobe::memprobe]
thread_local! {
    pub static L: u8 = const { 1 };
}

pub fn uses(_: S, _: T, _: E, _: U, _: A) -> impl fmt::Debug {
    L.with(|_| {});
    let _ = (alloc::string::String::new(), unsafe { abs(1) });
    C + G + m!()
}
