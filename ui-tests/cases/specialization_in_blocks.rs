//! `default fn`, `default impl` and negative impls in annotated blocks.
//@ nightly

#![feature(specialization, negative_impls, auto_traits)]
#![allow(incomplete_features)]

#[memprobe::memprobe]
pub mod m {
    pub trait T {
        fn f(&self) -> u8;
    }

    impl<X> T for X {
        default fn f(&self) -> u8 {
            1
        }
    }

    #[memprobe::memprobe(level = "debug")]
    impl T for u8 {
        fn f(&self) -> u8 {
            *self
        }
    }

    pub unsafe auto trait Auto {}

    pub struct S;

    impl !Auto for S {}

    impl !Send for S {}
}

fn main() {
    use m::T as _;
    println!("{} {}", "".f(), 7_u8.f());
}
