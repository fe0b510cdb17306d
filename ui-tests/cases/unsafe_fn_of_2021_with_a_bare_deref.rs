//! Until edition 2021 the body of an `unsafe fn` may do unsafe things without a block.
//@ edition: 2021

#[memprobe::memprobe]
pub unsafe fn f(p: *const u8) -> u8 {
    *p
}

#[memprobe::memprobe]
pub async unsafe fn g(p: *const u8) -> u8 {
    memprobe::probe!("here");
    *p
}
