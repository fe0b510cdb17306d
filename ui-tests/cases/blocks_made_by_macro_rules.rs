//! Blocks made by `macro_rules!`, and of items that it passes.

#![allow(missing_docs)]

macro_rules! item {
    ($i:item) => {
        #[memprobe::memprobe]
        #[allow(clippy::use_self)]
        $i
    };
}

pub struct S;

item! { #[allow(clippy::use_self)] impl S { pub fn a(&self) -> u8 { 1 } pub const fn b(&self) -> u8 { 2 } } }
item! { pub mod m { pub fn c() -> u8 { 3 } } }
item! { pub trait Tr { fn d(&self) -> u8 { 4 } } }

impl Tr for S {}

macro_rules! of {
    ($v:vis, $t:ty, $n:ident, $r:ty, $b:block, $abi:literal) => {
        #[memprobe::memprobe]
        impl $t {
            $v fn $n(&self) -> $r { $b }
            #[inline]
            pub extern $abi fn with_abi(&self) -> $r $b
        }
    };
}
of!(pub, S, named, (u8, u8), { (5, 6) }, "C");


macro_rules! each {
    ($m:ident, $($i:item)*) => {
        #[memprobe::memprobe]
        pub mod $m {
            $($i)*
        }
    };
}
each!(passed,
    use super::S;
    #[memprobe::memprobe(skip)]
    pub fn left_out() -> u8 { 8 }
    #[memprobe::memprobe(name = "own")]
    #[inline]
    pub fn own() -> u8 { 9 }
    pub async fn f() -> u8 { 10 }
    impl S { pub fn in_passed(&self) -> u8 { 11 } }
    pub const C: u8 = 12;
);

macro_rules! mark {
    ($name:ident, $($i:item)*) => {
        pub mod $name { $(#[memprobe::memprobe(skip)] $i)* }
    };
}

#[memprobe::memprobe]
mod with_macro {
    pub fn keep() {}
    mark!(skipped, pub fn f() -> u8 { 13 });
}

mod own_on_passed {
    macro_rules! outer {
        ($i:item) => {
            #[memprobe::memprobe(rate = 1)]
            impl super::S {
                $i
                #[memprobe::memprobe(skip)]
                pub fn beside(&self) -> u8 { 14 }
            }
        };
    }
    outer!(
        #[inline]
        pub fn through(&self) -> u8 {
            15
        }
    );
}

fn main() {
    println!("{} {} {} {} {:?}", S.a(), S.b(), m::c(), S.d(), S.named());
    println!("{:?} {} {}", S.with_abi(), passed::left_out(), passed::own());
    println!("{} {} {}", pollster::block_on(passed::f()), S.in_passed(), passed::C);
    println!("{} {} {}", with_macro::skipped::f(), S.beside(), S.through());
    with_macro::keep();
}
