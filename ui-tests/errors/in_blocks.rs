//! Arguments that a block does not take, and mistakes in what stands in a block.

use memprobe::memprobe;

pub struct S;

#[memprobe(name = "s")]
impl S {
    pub fn named(&self) {}
}

#[memprobe(rate = "x")]
impl S {
    #[memprobe(skip)]
    pub fn in_a_wrong_block(&self) {}
}

#[memprobe(level = "debug")]
impl S {
    #[memprobe]
    pub const fn constant(&self) {}

    #[memprobe(nmae = "x")]
    pub fn unknown(&self) {}

    #[memprobe(skip, name = "x")]
    pub fn skip_and_more(&self) {}

    #[memprobe(skip = true)]
    pub fn skip_with_value(&self) {}

    #[memprobe]
    pub const X: u8 = 1;
}

#[memprobe]
pub trait Tr {
    #[memprobe]
    fn required(&self);

    fn provided(&self) {}
}

#[memprobe(crate = nowhere)]
pub mod m {
    pub fn f() {}

    pub fn g() {}
}

pub fn uses<T: Tr>(x: &T) -> u8 {
    x.required();
    S.named();
    S.in_a_wrong_block();
    S.constant();
    S.unknown();
    S.skip_and_more();
    S.skip_with_value();
    m::f();
    S::X
}
