//! A `const` impl or trait in an annotated module is passed over.
//@ nightly

#![feature(const_trait_impl)]

#[memprobe::memprobe]
pub mod m {
    pub const trait Tr {
        fn f(&self) -> u8;

        fn g(&self) -> u8 {
            2
        }
    }

    impl const Tr for u8 {
        fn f(&self) -> u8 {
            *self
        }
    }

    pub fn keep() {}
}

const X: u8 = {
    use m::Tr as _;
    1_u8.f() + 1_u8.g()
};

fn main() {
    println!("{X}");
}
