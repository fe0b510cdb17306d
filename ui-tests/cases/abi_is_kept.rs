//! `extern` and `unsafe extern` functions keep their ABI.

#[memprobe::memprobe]
pub unsafe extern "C" fn g(p: *const u8) -> u8 {
    unsafe { *p }
}

#[memprobe::memprobe]
pub extern "C" fn h(x: u8) -> u8 {
    x
}

#[memprobe::memprobe]
pub extern fn i() {}

fn main() {
    let c: extern "C" fn(u8) -> u8 = h;
    let u: unsafe extern "C" fn(*const u8) -> u8 = g;
    println!("{} {}", c(3), unsafe { u(&7) });
}
