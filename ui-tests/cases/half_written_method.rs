//! A method whose head is half written gives only rustc's own error.
//@ errs

pub struct S;

#[memprobe::memprobe]
impl S {
    pub fn a(&self) -> u8 {
        1
    }

    pub fn b(&self, x:) -> u8 {
        2
    }
}
