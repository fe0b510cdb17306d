//! A half-written item in an annotated module gives only rustc's own error.
//@ errs

#[memprobe::memprobe]
pub mod m {
    pub fn a() -> u8 {
        1
    }

    pub struct

    pub fn b() -> u8 {
        1
    }
}
