//! On blocks in which nothing can carry it.

pub struct S;

#[memprobe::memprobe]
impl S {
    pub const X: u8 = 1;

    pub const fn a(&self) -> u8 {
        2
    }
}

#[memprobe::memprobe]
unsafe impl Send for S {}

#[memprobe::memprobe]
pub trait Required {
    fn required(&self) -> u8;
}

#[memprobe::memprobe]
impl Required for S {
    some! {}
}

#[memprobe::memprobe]
pub mod m {
    pub struct T;

    macro_rules! f {
        () => {
            pub fn f() {}
        };
    }
    f!();
}

#[macro_export]
macro_rules! some {
    () => {
        fn required(&self) -> u8 {
            3
        }
    };
}

pub fn uses<T: Send + Required>(x: &T) -> u8 {
    m::f();
    let _ = m::T;
    x.required() + S.a() + S::X
}
