//! Errors in annotated blocks are those of plain Rust: missing and foreign methods, types.
//@ errs

pub trait Tr {
    fn a(&self) -> u8;
    fn b(&self) -> u8;
}

pub struct S;

#[memprobe::memprobe]
impl Tr for S {
    fn a(&self) -> u8 {
        "x"
    }

    fn c(&self) {}
}

#[memprobe::memprobe]
impl S {
    pub fn twice(&self) {}
    pub fn twice(&self) {}

    pub async fn borrowed(&self) -> &str {
        let local = String::new();
        &local
    }

    fn missing(&self) -> Missing {
        missing
    }
}

#[memprobe::memprobe]
pub mod m {
    use super::absent;

    pub fn private(s: super::Priv) {
        s.x;
    }
}

struct Priv;
