//! Whole modules: functions, impl blocks, traits and modules in them, and nothing else.

#![warn(missing_docs)]
#![allow(dead_code)]

/// Above.
#[memprobe::memprobe(rate = 1)]
pub(crate) mod outer {
    //! Inside.
    #![allow(clippy::exhaustive_structs)]

    use std::collections::HashMap;
    pub(in crate::outer) use std::fmt::{self, Debug};

    macro_rules! make {
        ($name:ident) => {
            pub fn $name() -> u8 {
                1
            }
        };
    }
    make!(made);
    make! { made_too }

    thread_local! {
        static CELL: std::cell::Cell<u8> = const { std::cell::Cell::new(1) };
    }

    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Plain<const N: usize = { 1 + 1 }> {
        pub(super) x: [u8; N],
    }

    pub struct Tuple<T>(pub T)
    where
        T: Debug;

    pub enum Either {
        A { x: u8 },
        B(u8),
    }

    pub union Both {
        pub a: u8,
        pub b: i8,
    }

    pub type Map<T> = HashMap<T, fn() -> Plain<{ 3 }>>;
    pub static STATIC: u8 = { 1 };
    pub const CONST: fn(u8) -> u8 = constant;
    const _: () = {
        impl Plain<9> {
            fn in_a_const(&self) {}
        }
    };

    pub const fn constant(x: u8) -> u8 {
        x
    }

    unsafe extern "C" {
        pub safe fn abs(x: i32) -> i32;
    }

    /// A function.
    #[inline]
    pub(super) fn free(x: u8) -> u8 {
        make!(nested);
        CELL.with(|cell| cell.set(x));
        nested() + made() + made_too()
    }

    pub(in super::outer) async fn later() -> Result<u8, std::num::ParseIntError> {
        "7".parse()
    }

    impl<const N: usize> Plain<N> {
        pub fn sum(&self) -> u8 {
            self.x.iter().sum()
        }
    }

    impl<T: Debug> fmt::Display for Tuple<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{:?}", self.0)
        }
    }

    unsafe impl<T: Debug> Send for Tuple<T> {}

    pub trait Provided {
        fn provided(&self) -> u8 {
            2
        }
    }

    impl Provided for u8 {}

    pub mod inner {
        pub async fn deep() -> u8 {
            super::later().await.unwrap_or(0)
        }

        mod empty {}

        fn unused() -> u8 {
            let mut x = 1;
            x
        }
    }

    mod implicit {
        use super::*;

        pub(super) fn plain() -> Plain {
            Plain { x: [1, 2] }
        }
    }

    pub fn through() -> u8 {
        implicit::plain().sum()
    }

    #[cfg(test)]
    mod tests {
        #[test]
        fn works() {}
    }
}

#[memprobe::memprobe]
#[macro_use]
mod macros {
    macro_rules! local {
        () => {
            super_of_macros()
        };
    }

    fn uses() -> u8 {
        3
    }
}

fn super_of_macros() -> u8 {
    local_too!() + 1
}

#[macro_use]
#[memprobe::memprobe]
mod more_macros {
    #[macro_export]
    macro_rules! local_too {
        () => {
            4
        };
    }

    pub fn f() {}
}

fn main() {
    use outer::Provided as _;
    println!("{} {:?}", outer::free(1), pollster::block_on(outer::inner::deep()));
    println!("{} {} {}", outer::Tuple(1), 1.provided(), outer::Plain { x: [1, 2, 3] }.sum());
    println!("{} {} {}", outer::through(), local!(), local_too!());
}
