//! A C-variadic function keeps its `...`.
//@ nightly

#![feature(c_variadic)]

#[memprobe::memprobe]
pub unsafe extern "C" fn first(n: i32, mut args: ...) -> i32 {
    let _ = &mut args;
    n
}

fn main() {
    println!("{}", unsafe { first(3, 1, 2, 3) });
}
