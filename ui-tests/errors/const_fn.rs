//! A `const fn` runs where nothing can be read.

#[memprobe::memprobe]
pub const fn f() -> u8 {
    1
}

pub struct S;

impl S {
    #[memprobe::memprobe]
    pub const unsafe fn g(&self) {}
}

pub const X: u8 = f();
