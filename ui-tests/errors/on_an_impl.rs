//! On an impl block.

pub struct S;

#[memprobe::memprobe]
impl S {
    pub fn a(&self) {}
}

#[memprobe::memprobe]
unsafe impl Send for S {}

#[memprobe::memprobe]
impl Default for S {
    fn default() -> S {
        S
    }
}

pub fn uses(s: S) {
    s.a();
}
