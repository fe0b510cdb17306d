//! A body may use syntax that syn does not know.
//@ nightly

#![feature(yeet_expr, super_let)]

#[memprobe::memprobe]
pub fn g(x: u8) -> Option<u8> {
    if x == 0 {
        do yeet;
    }
    let y = {
        super let z = x;
        &z
    };
    Some(*y)
}

#[memprobe::memprobe]
pub async fn h(x: u8) -> Result<u8, u8> {
    if x == 0 {
        do yeet 7_u8;
    }
    Ok(x)
}

fn main() {
    println!("{:?} {:?} {:?}", g(0), g(1), pollster::block_on(h(0)));
}
