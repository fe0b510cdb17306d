//! On a module and on a trait.

#[memprobe::memprobe]
pub mod m {
    pub fn f() {}
}

#[memprobe::memprobe]
pub trait Tr {
    fn f(&self) {}
}

#[memprobe::memprobe]
pub unsafe trait Un {}

pub fn uses<T: Tr + Un>(x: T) {
    m::f();
    x.f();
}
