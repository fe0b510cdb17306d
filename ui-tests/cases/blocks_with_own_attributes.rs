//! Attributes of memprobe's inside an annotated block, by several names.

// It counts our imports.
#![allow(clippy::arbitrary_source_item_ordering)]

use memprobe::memprobe;
use memprobe::memprobe as mp;

pub struct S;

#[memprobe(rate = 5, target = "block")]
impl S {
    #[memprobe(name = "own", rate = 0)]
    pub fn own(&self) -> u8 {
        1
    }

    /// Left out.
    #[memprobe(skip)]
    #[inline]
    pub fn left_out(&self) -> Result<u8, Vec<u8>> {
        Ok(2)
    }

    #[inline]
    #[mp(skip)]
    pub async fn renamed(&self) -> u8 {
        3
    }

    #[cfg_attr(all(), memprobe(skip))]
    pub fn conditional(&self) -> u8 {
        4
    }

    #[cfg_attr(any(), memprobe(skip))]
    pub fn not_conditional(&self) -> u8 {
        5
    }

    #[memprobe(skip)]
    pub const fn constant(&self) -> u8 {
        6
    }

    #[memprobe::memprobe]
    #[memprobe(level = "warn")]
    pub fn twice(&self) -> u8 {
        7
    }
}

#[mp]
pub mod m {
    use memprobe::memprobe as mp;

    #[mp(skip)]
    pub struct T;

    #[mp(skip)]
    impl T {
        pub fn f(&self) -> u8 {
            8
        }
    }

    #[mp(skip)]
    pub mod left_out {
        pub fn f() -> u8 {
            9
        }
    }

    #[mp(level = "trace")]
    impl Default for T {
        fn default() -> T {
            T
        }
    }
}

#[memprobe(skip)]
pub fn alone() -> u8 {
    10
}

fn main() {
    println!("{} {:?} {}", S.own(), S.left_out(), pollster::block_on(S.renamed()));
    println!("{} {} {}", S.conditional(), S.not_conditional(), S.constant());
    println!("{} {} {} {}", S.twice(), m::T::default().f(), m::left_out::f(), alone());
}
