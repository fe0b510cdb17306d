//! On a `const` impl.
//@ nightly

#![feature(const_trait_impl)]

pub const trait Tr {
    fn f(&self) -> u8;
}

#[memprobe::memprobe]
impl const Tr for u8 {
    fn f(&self) -> u8 {
        *self
    }
}

pub const X: u8 = 1_u8.f();
