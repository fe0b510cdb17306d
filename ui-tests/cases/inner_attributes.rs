//! Inner attributes of the body count for the body.

#[deny(unused_variables)]
#[memprobe::memprobe]
pub fn f() {
    #![allow(unused_variables)]
    let i = 42;
}

#[memprobe::memprobe]
pub async fn g() -> u8 {
    #![allow(unused_variables)]
    //! Documented from inside.
    let i = 42;
    1
}

#[memprobe::memprobe]
pub fn h() {
    #![warn(unused_variables)]
    let i = 42;
}

fn main() {
    f();
    h();
    println!("{}", pollster::block_on(g()));
}
