//! No `unsafe` is added to the body and none is needed around it.

#![deny(unsafe_op_in_unsafe_fn, unused_unsafe)]

#[memprobe::memprobe]
pub unsafe fn f(p: *const u8) -> u8 {
    unsafe { *p }
}

#[memprobe::memprobe]
pub async unsafe fn g(p: *const u8) -> u8 {
    unsafe { *p }
}

fn main() {
    println!("{}", unsafe { f(&7) });
}
