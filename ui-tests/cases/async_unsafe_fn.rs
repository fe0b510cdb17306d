//! `async unsafe fn`, in this order.

#[memprobe::memprobe]
pub async unsafe fn f() -> u8 {
    1
}

#[memprobe::memprobe]
pub(crate) async unsafe fn g<'a>(p: &'a *const u8) -> &'a *const u8 {
    p
}
