//! Attributes on arguments and generics, also those that remove them.

#[memprobe::memprobe]
pub fn f<#[cfg(any())] T>(#[cfg(any())] t: T, #[cfg(all())] _b: u8, #[allow(unused_variables)] c: u8) {}

#[memprobe::memprobe]
pub async fn g<#[cfg(any())] T>(#[cfg(any())] t: T, #[cfg(all())] _b: u8, #[allow(unused_variables)] c: u8) {}

fn main() {
    f(1, 2);
    pollster::block_on(g(1, 2));
}
