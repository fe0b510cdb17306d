//! A C-variadic function keeps its `...`.
//@ nightly

#![feature(c_variadic)]

#[memprobe::memprobe]
pub unsafe extern "C" fn sum(n: i32, mut args: ...) -> i32 {
    let mut sum = 0;
    for _ in 0..n {
        sum += unsafe { args.arg::<i32>() };
    }
    sum
}

fn main() {
    println!("{}", unsafe { sum(3, 1, 2, 3) });
}
