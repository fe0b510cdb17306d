//! A half-written method in an annotated impl gives only rustc's own error.
//@ errs

pub struct S {
    pub field: u8,
}

#[memprobe::memprobe]
impl S {
    pub fn a(&self) -> u8 {
        let x = self.
    }

    pub fn b(&self) -> u8 {
        self.field
    }
}
