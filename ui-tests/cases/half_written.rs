//! A half-written body gives only rustc's own error.
//@ errs

pub struct S {
    pub field: u8,
}

#[memprobe::memprobe]
pub fn a(s: S) -> u8 {
    let x = s.
}
