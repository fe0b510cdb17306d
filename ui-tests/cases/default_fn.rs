//! `default fn` of a specialization.
//@ nightly

#![feature(specialization)]
#![allow(incomplete_features)]

pub trait T {
    fn f(&self) -> u8;
}

impl<X> T for X {
    #[memprobe::memprobe]
    default fn f(&self) -> u8 {
        1
    }
}

impl T for u8 {
    #[memprobe::memprobe]
    fn f(&self) -> u8 {
        *self
    }
}

fn main() {
    println!("{} {}", T::f(&""), T::f(&7_u8));
}
