//! A half-written statement gives only rustc's own error.
//@ errs

#[memprobe::memprobe]
pub fn a() -> u8 {
    let x: u8 =
    let y = 2;
    y
}
