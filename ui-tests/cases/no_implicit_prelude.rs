//! `#![no_implicit_prelude]`.
//@ edition: 2018 2021 2024

#![no_implicit_prelude]

#[::memprobe::memprobe]
pub fn f() -> u8 {
    ::std::println!("f");
    ::memprobe::probe!("here", x = "x", y = %"y", z = ?"z");
    1
}

#[::memprobe::memprobe]
pub async fn g() -> ::std::result::Result<u8, ()> {
    ::memprobe::probe!("here");
    ::std::result::Result::Ok(1)
}

#[::memprobe::memprobe(name = "h", target = "t", level = "debug", rate = 0)]
pub fn h() -> impl ::std::future::Future<Output = u8> {
    ::std::future::ready(1)
}

fn main() {
    ::std::println!("{}", f());
}
