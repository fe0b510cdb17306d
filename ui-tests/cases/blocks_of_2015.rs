//! Blocks in edition 2015, with `#![no_implicit_prelude]`.
//@ unwrapped
//@ edition: 2015 2018 2021

#![no_implicit_prelude]
#![allow(bare_trait_objects, unused_extern_crates)]

extern crate memprobe;

pub struct S;

#[::memprobe::memprobe(level = "debug", rate = 0)]
impl S {
    pub fn f(&self) -> u8 {
        ::std::println!("f");
        1
    }
}

#[::memprobe::memprobe]
pub mod m {
    pub trait Tr {
        fn provided(&self, _: u8) -> ::std::string::String {
            ::std::string::String::new()
        }
    }

    impl Tr for super::S {}
}

fn main() {
    use m::Tr;
    ::std::println!("{} {}", S.f(), S.provided(1));
}
