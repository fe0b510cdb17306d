//! `#![no_implicit_prelude]`, edition 2015.
//@ edition: 2015

#![no_implicit_prelude]

extern crate memprobe;
extern crate std;

#[::memprobe::memprobe]
pub fn f() -> u8 {
    ::memprobe::probe!("here", x = 1_u8, y = %2, z = ?3);
    1
}


#[::memprobe::memprobe(name = "h", target = "t", level = "debug", rate = 0)]
pub fn h() -> impl ::std::future::Future<Output = u8> {
    ::std::future::ready(1)
}

fn main() {
    ::std::println!("{}", f());
}
