//! `#[track_caller]` sees the caller.

use std::panic::Location;

#[memprobe::memprobe]
#[track_caller]
pub fn f() -> u32 {
    Location::caller().line()
}

pub struct S;

impl S {
    #[track_caller]
    #[memprobe::memprobe]
    pub fn deep(&self) -> u32 {
        let line = || Location::caller().line();
        f() + Location::caller().line() - line()
    }
}

// Plain Rust warns that it does nothing here.
#[memprobe::memprobe]
#[track_caller]
pub async fn g() -> u32 {
    Location::caller().line()
}

fn main() {
    println!("{} {}", f(), line!());
    println!("{}", S.deep());
    println!("{}", pollster::block_on(g()));
}
